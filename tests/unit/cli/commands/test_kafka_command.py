"""`fraud kafka`, where nothing has to be started."""

from dataclasses import replace

import pytest
from support.ports import find_free_port


@pytest.fixture
def kafka(monkeypatch, run_fraud, home):
    """Run a command of the group and return its result."""
    monkeypatch.delenv("FRAUD_BOOTSTRAP_SERVERS", raising=False)
    return replace(run_fraud, first=("kafka",)).read_json


def test_a_kafka_that_was_not_running_is_not_stopped(kafka):
    assert kafka("stop") == {"stopped": False}


def test_start_reports_whether_a_given_kafka_answers(kafka, monkeypatch):
    servers = f"127.0.0.1:{find_free_port()}"
    monkeypatch.setenv("FRAUD_BOOTSTRAP_SERVERS", servers)
    status = {
        "running": False,
        "kind": None,
        "bootstrap_servers": servers,
        "detail": "given by FRAUD_BOOTSTRAP_SERVERS or FRAUD_KAFKA_CONFIG",
    }
    assert kafka("start") == status
