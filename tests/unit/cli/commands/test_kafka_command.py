"""`fraud kafka`, where nothing has to be started."""

import json

import pytest
from support.ports import find_free_port


@pytest.fixture
def kafka(monkeypatch, run_fraud, tmp_path):
    """Run a command of the group; return its exit code, its JSON output and its errors."""
    monkeypatch.setenv("FRAUD_HOME", str(tmp_path))
    monkeypatch.delenv("FRAUD_BOOTSTRAP_SERVERS", raising=False)

    def run(*arguments):
        code, printed, errors = run_fraud("kafka", *arguments, "--json")
        return code, json.loads(printed), errors

    return run


def test_a_kafka_that_was_not_running_is_not_stopped(kafka):
    assert kafka("stop") == (0, {"stopped": False}, "")


def test_start_reports_whether_a_given_kafka_answers(kafka, monkeypatch):
    servers = f"127.0.0.1:{find_free_port()}"
    monkeypatch.setenv("FRAUD_BOOTSTRAP_SERVERS", servers)
    status = {
        "running": False,
        "kind": None,
        "bootstrap_servers": servers,
        "detail": "given by FRAUD_BOOTSTRAP_SERVERS or FRAUD_KAFKA_CONFIG",
    }
    assert kafka("start") == (0, status, "")
