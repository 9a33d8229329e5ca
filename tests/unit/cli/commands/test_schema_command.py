"""`fraud schema` drafts, checks and shows; problems are one a line, with exit code 1."""

import json
from dataclasses import replace

import pytest
from support.data import own_payments

from payments.schema.reading import BUILTIN


@pytest.fixture
def fraud(tmp_path, monkeypatch, run_fraud):
    """Run the command and return its exit code, output and errors."""
    monkeypatch.delenv("FRAUD_DATA", raising=False)
    monkeypatch.delenv("FRAUD_SCHEMA", raising=False)
    monkeypatch.chdir(tmp_path)
    return replace(run_fraud, first=("schema",))


@pytest.fixture
def csv(tmp_path):
    return own_payments.write_csv(tmp_path / "own.csv", own_payments.make(300))


def test_a_draft_passes_the_check(fraud, csv, tmp_path):
    assert "own.toml: 9 fields, 8 features" in fraud.succeed(
        "init", "--data", csv, "--out", "own.toml"
    )
    assert fraud.succeed("check", "own.toml").startswith("own.toml: own@")
    assert fraud.succeed("init", "--data", csv) == (tmp_path / "own.toml").read_text()
    code, _, errors = fraud("init", "--data", csv, "--out", "own.toml")
    assert (code, errors) == (1, "fraud: own.toml exists: remove it, or give another --out\n")


def test_a_draft_needs_a_file(fraud):
    code, _, errors = fraud("init")
    assert code == 2
    assert "give the file: --data FILE" in errors


@pytest.mark.parametrize("name", BUILTIN)
def test_the_built_in_schemas_pass(fraud, name):
    assert fraud.succeed("check", name).startswith(f"{name}: {name}@")


def test_each_problem_has_its_line(fraud, csv, tmp_path):
    text = own_payments.SCHEMA.replace('key = "card"', 'key = "nobody"')
    text = text.replace('label = "is_fraud"', 'label = "amount"')
    (tmp_path / "bad.toml").write_text(text)
    code, printed, _ = fraud("check", "bad.toml")
    assert code == 1
    assert [line.split(": ")[:2] for line in printed.splitlines()] == [
        ["bad.toml:7", "roles.key"],
        ["bad.toml:9", "roles.label"],
    ]
    code, printed, _ = fraud("check", "bad.toml", "--json")
    assert (code, len(json.loads(printed)["problems"])) == (1, 2)
    code, _, errors = fraud("show", "bad.toml")
    assert code == 1
    assert [line.split(" ")[1] for line in errors.splitlines()] == ["bad.toml:7:", "bad.toml:9:"]


def test_what_is_declared_is_shown_in_words(fraud, monkeypatch):
    assert "component 28" in fraud.succeed("show")
    monkeypatch.setenv("FRAUD_SCHEMA", "cards")
    printed = fraud.succeed("show")
    assert "payments of this account in the last hour" in printed
    shown = json.loads(fraud.succeed("show", "--json"))
    assert shown["roles"]["key"] == "account_id"
    assert len(shown["features"]) == 37
    # two words, and one for the field that is compared with; a day for late payments
    assert shown["history"] == [
        {"entity": "account_id", "days": 31, "bytes_per_payment": 24},
        {"entity": "terminal_id", "days": 38, "bytes_per_payment": 16},
    ]
    kept = "24 bytes, and spare room, for each payment of 31 days"
    assert any(line.split() == ["account_id", *kept.split()] for line in printed.splitlines())
    assert json.loads(fraud.succeed("show", "creditcard", "--json"))["roles"]["label"] == "Class"
