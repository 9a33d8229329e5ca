"""`fraud explain` on a real Kafka and on a CSV."""

import json

import msgspec
import pytest
from support.commands import set_environment
from support.data import creditcard_files as creditcard
from support.data.alerts import encode_alert, make_reasons
from support.publishing import publish
from typer.testing import CliRunner

import cli.commands.explain  # noqa: F401 - adds itself to the application
from cli.app import app
from cli.errors import CommandError
from payments.records import AlertRecord
from streams.kafka import newest
from streams.kafka.topics import ALERTS


def make_alert(name, i=0):
    return encode_alert(
        b"{}",
        transaction_id=name,
        scored_at=f"2026-01-31T12:00:{i % 60:02}Z",
        model_version=f"v{i}",
        reasons=make_reasons(*5 * [1.5]),
        rest=-1.5,
    )


def fraud(*arguments):
    return CliRunner().invoke(app, ["explain", *map(str, arguments)])


@pytest.fixture
def bus(connection, monkeypatch, tmp_path):
    """A cluster whose alerts come from deleted models: explaining an alert needs no model."""
    set_environment(monkeypatch, connection, FRAUD_MODEL_DIR=str(tmp_path / "none"))
    monkeypatch.setattr(newest, "_FIRST_WINDOW", 2)  # so that the search has to widen several times
    return connection


def test_the_newest_alert_of_a_transaction_is_shown_unchanged(bus, tmp_path):
    publish(bus, ALERTS, [make_alert("mine", 1)], partition=0)
    publish(bus, ALERTS, [make_alert("mine", 2)], partition=2)
    publish(bus, ALERTS, [b"no alert", None, *(make_alert(f"other-{i}") for i in range(100))])
    assert fraud("mine", "--json").stdout.encode() == make_alert("mine", 2) + b"\n"
    page = tmp_path / "page.html"
    result = fraud("mine", "--html", page)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "by model v2" in result.stdout
    assert "anonymous component 1 (V1)" in result.stdout
    assert "by model v2" in page.read_text()


def test_a_transaction_without_an_alert_is_a_one_line_error(bus):
    publish(bus, ALERTS, [make_alert("mine")])
    missing = fraud("[b]no\x1b[2Jbody")
    assert isinstance(missing.exception, CommandError)
    assert str(missing.exception) == (
        "no alert for transaction [b]no\x1b[2Jbody; approved payments have none, "
        "and alerts are deleted after 30 days"
    )


def test_a_row_of_a_csv_is_scored_by_the_current_model(model, tmp_path, monkeypatch):
    monkeypatch.setenv("FRAUD_MODEL_DIR", str(model.directory))
    rows = [creditcard.row(i) for i in range(3)]
    path = creditcard.write(tmp_path / "few.csv", rows)
    result = fraud("--row", 2, "--data", path, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert (found["transaction_id"], found["model_version"], found["amount"]) == (
        "row-2",
        model.version,
        2.25,
    )
    values = {reason["feature"]: reason["value"] for reason in found["reasons"]}
    assert values == {name: float(rows[2][name]) for name in values}
    assert len(values) == 29
    assert found["base"] + sum(
        reason["contribution"] for reason in found["reasons"]
    ) == pytest.approx(found["margin"], abs=1e-4)
    fields = {field.encode_name for field in msgspec.structs.fields(AlertRecord)}
    assert set(found) == fields - {"features"}
    assert found["source"] is None
    assert (
        str(fraud("--row", 3, "--data", path).exception)
        == f"{path} has rows 0 to 2; none from row 3 on"
    )


@pytest.mark.parametrize("arguments", [(), ("t-1", "--row", 1)])
def test_either_an_id_or_a_row_is_needed(arguments):
    assert fraud(*arguments).exit_code == 2
