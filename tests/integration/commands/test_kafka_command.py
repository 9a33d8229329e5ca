"""`fraud kafka`, with or without Docker."""

import json
import os

import pytest
from support.commands import FRAUD, run
from support.ports import find_free_port

from infra.kafka import broker
from streams.kafka.connection import Connection
from streams.kafka.topic_admin import make_alter_command


@pytest.fixture
def environment(tmp_path):
    inherited = {
        name: value for name, value in os.environ.items() if name != "FRAUD_BOOTSTRAP_SERVERS"
    }
    return inherited | {
        "FRAUD_HOME": str(tmp_path),
        "FRAUD_KAFKA_PORT": str(find_free_port(following=3)),
    }


def kafka(environment, *arguments):
    return run([*FRAUD, "kafka", *arguments], env=environment)


def test_kafka_can_be_started_queried_and_stopped(environment, tmp_path):
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

        command = make_alter_command(Connection(address), "t", {"retention.ms": "3600000"})
        listed = ["fraud", "kafka", "tool", "kafka-topics.sh", "--bootstrap-server", address]
        for tool in ([*listed, "--create", "--topic", "t"], command.split()):
            done = kafka(environment, *tool[2:])
            assert done.returncode == 0, done.stderr
        described = kafka(environment, *listed[2:], "--describe", "--topic", "t")
        assert "retention.ms=3600000" in described.stdout

        status = json.loads(kafka(environment, "status", "--json").stdout)
        assert (status["running"], status["bootstrap_servers"]) == (True, address)
        assert json.loads(kafka(environment, "start", "--json").stdout) == status

        # it stops the broker that was started, even if the variable has changed
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


def test_a_configured_kafka_is_not_started(environment):
    given = kafka(environment | {"FRAUD_BOOTSTRAP_SERVERS": "kafka.example:9092"}, "start")
    assert given.returncode == 0
    assert "nothing to start" in given.stdout
