"""`fraud train` turns a CSV into an artefact; errors are one line and exit code 1."""

import errno
import json
from dataclasses import replace

import pandas as pd
import pytest
from support.data import labelled, own
from support.data.cards import simulate_table
from support.data.transactions import CREDITCARD

from model.artefact import LATEST, Model
from payments.schema.reading import read_schema
from producer.simulation.cards import CardOptions


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "rows.csv"
    labelled.rows(seed=9).to_csv(
        path, index=False
    )  # of the default seed's rows, one fold is so easy that a leak is suspected
    return path


@pytest.fixture
def fraud(tmp_path, monkeypatch, run_fraud):
    """Run the command and return its exit code, output and errors."""
    monkeypatch.setenv("FRAUD_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FRAUD_DATA", raising=False)
    return replace(run_fraud, first=("train",))


def test_trains_and_names_the_rows(fraud, csv, tmp_path):
    printed = fraud.succeed("--data", csv)
    model = Model.load(tmp_path / "home" / "models" / LATEST, CREDITCARD)
    assert model.version in printed
    assert f"rows 0..3199 (3,200), sha256 {model.manifest.fitted_on.rows_sha256}" in printed
    assert "the test part was not opened" in printed
    reference = pd.read_parquet(model.reference)
    rate = model.manifest.payments_per_day
    flagged = (reference["probability"] >= model.thresholds.review).sum()
    assert (
        f"among {flagged} flagged ({flagged * rate / len(reference):.0f} a day), "
        "precision" in printed
    )


def test_the_result_as_json(fraud, csv, monkeypatch):
    monkeypatch.setenv("FRAUD_DATA", str(csv))
    result = fraud.read_json("--quiet")
    review, block = result["thresholds"]["review"], result["thresholds"]["block"]
    assert 0 < review["probability"] <= block["probability"] < 1
    assert review["precision"] == review["caught"] / review["flagged"]
    assert block["recall"] == block["caught"] / block["frauds"]
    assert result["out_of_fold"] == {"first": 1600, "last": 3199, "rows": 1600}
    assert len(result["folds"]) == 3
    assert len(result["cuts"]) == 5
    assert result["later"]["recall"]["low"] <= result["later"]["recall"]["high"]


def test_alerts_a_day_come_from_the_span_of_the_file_or_from_the_option(fraud, csv):
    rows = pd.read_csv(csv)
    rates = []
    for option in ((), ("--payments-per-day", 1e6)):
        result = fraud.read_json("--data", csv, *option)
        review = result["thresholds"]["review"]
        rates.append(result["payments_per_day"])
        assert review["alerts_a_day"] == pytest.approx(review["flagged"] * rates[-1] / 1600)
    span = rows["Time"].iloc[-1] - rows["Time"].iloc[0]
    assert rates == [pytest.approx(4000 / (span / 86_400)), 1e6]


def test_a_file_without_a_span_needs_payments_per_day(fraud, csv):
    pd.read_csv(csv).assign(Time=5.0).to_csv(csv, index=False)
    assert "give --payments-per-day" in fraud.fail("--data", csv)
    assert fraud("--data", csv, "--payments-per-day", 2000)[0] == 0


@pytest.mark.parametrize(
    ("full", "said"),
    [
        (False, "home: Not a directory; a folder above it is a file"),
        (True, "No space left on device; free some space, or set FRAUD_HOME to another folder"),
    ],
)
def test_a_home_that_cannot_hold_the_model_is_noticed_before_the_data_are_read(
    fraud, tmp_path, monkeypatch, full, said
):
    if full:

        def fail(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("cli.support.home.bytes", fail, raising=False)
    else:
        (tmp_path / "file").touch()
        monkeypatch.setenv("FRAUD_HOME", str(tmp_path / "file" / "home"))
    assert said in fraud.fail("--data", tmp_path / "none.csv")


def test_a_file_of_another_shape_is_one_line(fraud, tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    assert "lacks the columns Time, V1" in fraud.fail("--data", path)
    assert not (tmp_path / "home" / "models").exists()


def test_a_team_trains_on_its_own_file(fraud, tmp_path, monkeypatch):
    schema = tmp_path / "own.toml"
    schema.write_text(own.SCHEMA_TEXT)
    monkeypatch.setenv("FRAUD_SCHEMA", str(schema))
    assert "name yours with --data" in fraud.fail()
    path = own.write_file(tmp_path / "payments.csv", own.make_rows())
    printed = fraud.succeed("--data", path)
    model = Model.load(tmp_path / "home" / "models" / LATEST, own.SCHEMA)
    assert model.manifest.schema_reference == own.SCHEMA.reference
    card = (model.directory / "MODEL_CARD.md").read_text()
    assert f"Schema: `{own.SCHEMA.reference}`" in card
    assert "It reads 9 features" in card
    assert "| `card_age` | days since its issue | " in card
    assert "| `channel` | channel | 3 values |" in card
    assert "Dal Pozzolo" not in card
    assert "recall" in printed
    shown = replace(fraud, first=("threshold",)).succeed()
    assert "caught: amount of the frauds flagged" in shown
    assert "Amount" not in printed + shown
    monkeypatch.setenv("FRAUD_SCHEMA", "creditcard")
    assert "lacks the columns" in fraud.fail("--data", path)


def test_a_threshold_that_no_row_reaches_comes_with_a_hint(fraud, csv):
    assert "fraud threshold --alerts-per-day" in fraud.succeed(
        "--data", csv, "--review-probability", "0.9999"
    )


def test_a_model_with_history_from_labels_without_a_date(fraud, tmp_path, run_fraud):
    rows = simulate_table(CardOptions(6000, customers=150, fraud_share=0.04))
    path = tmp_path / "cards.csv"
    rows.drop(columns="labelled_at").to_csv(path, index=False)
    known = ("--schema", "cards", "--data", path)
    assert "--label-delay exponential:7d" in fraud.fail(*known)
    assert "is no span of time" in fraud.fail(*known, "--label-delay", "normal:7d", code=2)
    fraud.succeed(*known, "--label-delay", "exponential:7d")
    model = Model.load(tmp_path / "home" / "models" / LATEST, read_schema("cards"))
    assert model.manifest.label_delay == "exponential:7d"
    assert "taken as `exponential:7d`" in (model.directory / "MODEL_CARD.md").read_text()
    found = json.loads(run_fraud.succeed("evaluate", "--schema", "cards", "--data", path, "--json"))
    assert found["data"]["is_test_part"]
    assert found["data"]["rows"] == 1200
    later = tmp_path / "later.csv"
    rows[3000:].drop(columns="labelled_at").to_csv(later, index=False)
    options = ("--schema", "cards", "--data", later, "--json")
    assert "FRAUD_DATA" in run_fraud.fail("evaluate", *options)
    code, printed, errors = run_fraud("evaluate", *options, "--allow-seen")
    assert (code, json.loads(printed)["data"]["seen"]) == (0, None)
    assert "features of history count the payments of" in errors
    explained = json.loads(run_fraud.succeed("explain", "--row", 5000, *known, "--json"))
    reasons = {reason["feature"]: reason["value"] for reason in explained["reasons"]}
    assert reasons["account_id.count.30d"] > 1
