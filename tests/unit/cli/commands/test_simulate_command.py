"""`fraud simulate`, without a broker."""

import json
import threading
import time
from types import SimpleNamespace

import pandas as pd
import pytest
from rich.console import Console
from support.data.transactions import ENCODER
from typer.testing import CliRunner

import cli.commands.demo.simulated
import cli.commands.simulate
from cli.app import app
from cli.commands.demo.simulated import prepare
from cli.errors import CommandError
from cli.support.settings import Settings
from model import dataset
from payments.contract import INPUTS
from producer.errors import SimulationError
from producer.rows import Row, encode_inputs
from producer.simulation import late
from producer.simulation.cards import CardOptions
from producer.simulation.cards.simulate import PAYMENTS_A_DAY
from producer.simulation.output import make_account_id


def fraud(*arguments):
    return CliRunner().invoke(app, ["simulate", *arguments])


def test_training_reads_the_csv(tmp_path):
    out = tmp_path / "made.csv"
    done = fraud(
        "--rows", "1000", "--seed", "5", "--fraud-rate", "0.5", "--out", str(out), "--json"
    )
    assert json.loads(done.stdout) == {"path": str(out), "rows": 1000, "bytes": out.stat().st_size}
    table = dataset.read(out, ENCODER)
    assert len(table) == 1000
    assert 400 < table["Class"].sum() < 600


def test_the_destination_is_required(tmp_path):
    for arguments in ((), ("--send", "--out", str(tmp_path / "a.csv"))):
        done = fraud(*arguments)
        assert done.exit_code == 2
        assert "either --out FILE.csv or --send" in " ".join(done.output.replace("│", " ").split())


@pytest.mark.parametrize("option", ["--accounts", "--rows"])
def test_more_rows_than_labels_can_number_are_a_usage_error(option):
    done = fraud(option, str(10**20))
    assert done.exit_code == 2
    assert f"less than or equal to {cli.commands.simulate._MOST}" in " ".join(
        done.output.replace("│", " ").split()
    )


def test_the_largest_row_and_account_come_back_from_a_waiting_label(tmp_path, monkeypatch):
    sent = []
    sender = SimpleNamespace(
        sent=1,
        delivered=1,
        confirm=lambda: None,
        send=lambda key, value: sent.append(json.loads(value)),
    )
    monkeypatch.setattr(late, "Sender", lambda *_: sender)
    labels = late.LateLabels(None, "r", 0.001, 1, time, threading.Event())
    last = cli.commands.simulate._MOST - 1
    account = make_account_id(last)
    template = encode_inputs([None] * len(INPUTS), account)
    assert list(labels.follow([Row(last, f"r-{last}", 0.5, template, True, account)]))
    labels.note_sent(1)
    labels.finish()
    labels.run()
    [one] = sent
    assert (one["transaction_id"], one["is_fraud"]) == (f"r-{last}", True)
    assert one["entities"] == {"account_id": f"account-{last}"}
    assert one["event_time"] == "2013-09-01T00:00:00.500000Z"


def test_a_disturbance_that_cannot_be_read_is_an_error_of_the_producer(tmp_path):
    done = fraud("--out", str(tmp_path / "a.csv"), "--disturb", "jump:V14@5:1")
    assert isinstance(done.exception, SimulationError)


def test_a_demo_on_simulated_rows_rejects_a_model_of_other_data(model, tmp_path, monkeypatch):
    monkeypatch.setattr(cli.commands.demo.simulated, "ROWS", 100)
    monkeypatch.setenv("FRAUD_HOME", str(tmp_path))
    monkeypatch.setenv("FRAUD_MODEL_DIR", str(model.directory))
    with pytest.raises(CommandError, match=r"is not a model of .*simulated\.csv"):
        prepare(Settings.from_environment(), Console(quiet=True))


def test_card_payments_go_to_a_csv(tmp_path):
    out = tmp_path / "cards.csv"
    done = fraud(
        *("--schema", "cards", "--rows", "500", "--days", "2", "--start", "2024-05-01"),
        *("--customers", "50", "--fraud-rate", "0.1", "--out", str(out), "--json"),
    )
    assert json.loads(done.stdout) == {"path": str(out), "rows": 500, "bytes": out.stat().st_size}
    table = pd.read_csv(out)
    assert len(table) == 500
    assert table["event_time"].min().startswith("2024-05-01T")
    assert table["account_id"].nunique() <= 50
    assert 20 < table["is_fraud"].sum() < 80


@pytest.mark.parametrize(
    ("schema", "option", "problem"),
    [
        ("cards", "--accounts=5", "--accounts is not for the schema cards"),
        ("cards", "--no-rhythm", "--no-rhythm is not for the schema cards"),
        ("creditcard", "--days=3", "--days is not for the schema creditcard"),
        ("creditcard", "--start=2024-05-01", "--start is not for the schema creditcard"),
        ("creditcard", "--customers=3", "--customers is not for the schema creditcard"),
        ("mine.toml", "--quiet", "simulated schemas are creditcard and cards; add --schema cards"),
        ("cards", "--fraud-rate=0.6", "0.6 is too many frauds for cards: at most 0.5"),
    ],
)
def test_an_option_of_the_other_schema_is_a_usage_error(schema, option, problem, tmp_path):
    done = fraud("--schema", schema, option, "--out", str(tmp_path / "made.csv"))
    assert done.exit_code == 2
    assert problem in " ".join(done.output.replace("│", " ").split())


def test_the_help_gives_the_defaults_of_card_payments():
    defaults = CardOptions(1)
    text = " ".join(fraud("--help").output.replace("│", " ").split())
    for shown in (defaults.fraud_share, defaults.start.date(), f"{defaults.days:g}"):
        assert f"{shown}]" in text
    assert f"[default: {PAYMENTS_A_DAY} rows a day each]" in text
