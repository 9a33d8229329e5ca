"""`fraud simulate`, without a broker."""

import json

import pytest
from rich.console import Console
from typer.testing import CliRunner

import cli.demo.simulated
import cli.simulate
from cli.app import CommandError, app
from cli.demo.simulated import prepared
from cli.settings import Settings
from model import dataset
from producer.errors import SimulationError


def fraud(*arguments: str):
    return CliRunner().invoke(app, ["simulate", *arguments])


def test_a_csv_is_written_that_training_reads(tmp_path):
    out = tmp_path / "made.csv"
    done = fraud("--rows", "1000", "--seed", "5", "--fraud-rate", "0.5", "--out", str(out), "--json")
    assert json.loads(done.stdout) == {"path": str(out), "rows": 1000, "bytes": out.stat().st_size}
    table = dataset.read(out)
    assert len(table) == 1000
    assert 400 < table["Class"].sum() < 600


def test_it_must_be_told_where_to(tmp_path):
    for arguments in ((), ("--send", "--out", str(tmp_path / "a.csv"))):
        done = fraud(*arguments)
        assert done.exit_code == 2
        assert "either --out FILE.csv or --send" in " ".join(done.output.replace("│", " ").split())


def test_a_disturbance_that_cannot_be_read_is_an_error_of_the_producer(tmp_path):
    done = fraud("--out", str(tmp_path / "a.csv"), "--disturb", "jump:V14@5:1")
    assert isinstance(done.exception, SimulationError)


def test_a_demo_on_simulated_rows_takes_no_model_of_other_data(model, tmp_path, monkeypatch):
    monkeypatch.setattr(cli.demo.simulated, "ROWS", 100)
    monkeypatch.setenv("FRAUD_HOME", str(tmp_path))
    monkeypatch.setenv("FRAUD_MODEL_DIR", str(model.directory))
    with pytest.raises(CommandError, match=r"is not a model of .*simulated\.csv"):
        prepared(Settings.from_environment(), Console(quiet=True))
