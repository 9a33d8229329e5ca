"""`fraud kafka`, whichever way Kafka runs on this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.ports import find_free_port

from infra.kafka import broker


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    without_a_given_one = {
        name: value for name, value in os.environ.items() if name != "FRAUD_BOOTSTRAP_SERVERS"
    }
    return without_a_given_one | {
        "FRAUD_HOME": str(tmp_path),
        "FRAUD_KAFKA_PORT": str(find_free_port(following=3)),
    }


def kafka(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", "kafka", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_start_status_stop(environment: dict[str, str], tmp_path: Path) -> None:
    address = f"127.0.0.1:{environment['FRAUD_KAFKA_PORT']}"
    try:
        started = kafka(environment, "start")
        assert started.returncode == 0, started.stderr
        assert f"answers at {address}" in started.stdout

        again = kafka(environment, "start")
        assert (again.returncode, again.stdout) == (0, started.stdout)

        moved = kafka(environment | {"FRAUD_KAFKA_PORT": str(find_free_port())}, "start")
        assert moved.returncode == 1
        assert f"already runs at {address}" in moved.stderr

        status = json.loads(kafka(environment, "status", "--json").stdout)
        assert (status["running"], status["bootstrap_servers"]) == (True, address)
        assert json.loads(kafka(environment, "start", "--json").stdout) == status

        # it stops what was started, whatever the variable says now
        assert json.loads(
            kafka(environment | {"FRAUD_KAFKA_PORT": "1"}, "stop", "--json").stdout
        ) == {"stopped": True}
        assert kafka(environment, "stop").stdout == "Kafka was not running\n"
        assert kafka(environment, "status").returncode == 1
        assert (tmp_path / "logs" / "kafka.log").stat().st_size > 0
    finally:
        left = broker.find(tmp_path)
        if left:
            left.stop()


def test_a_given_kafka_is_not_started(environment: dict[str, str]) -> None:
    given = kafka(environment | {"FRAUD_BOOTSTRAP_SERVERS": "kafka.example:9092"}, "start")
    assert given.returncode == 0
    assert "nothing to start" in given.stdout
