import json
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest
from support.ports import find_free_port

from infra import preflight
from infra.preflight import Preflight


@pytest.fixture
def environment(tmp_path):
    """A temporary home and free ports."""
    kafka = find_free_port(following=7)
    return {
        "FRAUD_HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "FRAUD_KAFKA_PORT": str(kafka),
        "FRAUD_MONITOR_PORT": str(kafka + 4),
        "FRAUD_METRICS_PORT": str(kafka + 5),
        "FRAUD_API_PORT": str(kafka + 7),
    }


@pytest.fixture(autouse=True)
def bare_machine(tmp_path, monkeypatch):
    """No docker, java or mvn, and a full disk: nothing depends on the machine or downloads."""
    monkeypatch.setenv("PATH", str(tmp_path))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: usage._replace(free=10**6))


@pytest.fixture
def listener():
    port = find_free_port(following=1)
    with socket.create_server(("127.0.0.1", port)):
        yield port


def test_all_problems_are_reported_at_once(environment, listener, tmp_path):
    problems = Preflight(
        environment | {"FRAUD_MONITOR_PORT": str(listener)}, "", tmp_path
    ).problems()
    report = "\n".join(problems)
    for what in ("disk:", "Python 3.11", "Java 17+", "Maven", "Docker", f"port {listener}"):
        assert what in report
    assert "java was not found" in report
    assert "mvn was not found" in report


def taken_ports(environment):
    return [
        line
        for line in Preflight(environment, sys.executable).problems()
        if line.startswith("port")
    ]


@pytest.mark.parametrize(
    ("variable", "offset"),
    [
        ("FRAUD_KAFKA_PORT", 0),
        ("FRAUD_KAFKA_PORT", 3),  # the controller's
        ("FRAUD_MONITOR_PORT", 0),
        ("FRAUD_METRICS_PORT", 0),
        ("FRAUD_METRICS_PORT", 1),  # the second worker's
        ("FRAUD_API_PORT", 0),
    ],
)
def test_a_taken_port_is_one_line_with_its_variable(environment, listener, variable, offset):
    [line] = taken_ports(environment | {variable: str(listener - offset)})
    assert f"port {listener} " in line
    assert f"set {variable} to another port" in line


@pytest.mark.parametrize(
    ("variable", "other", "offset"),
    [
        ("FRAUD_MONITOR_PORT", "FRAUD_METRICS_PORT", 0),
        ("FRAUD_MONITOR_PORT", "FRAUD_METRICS_PORT", 1),  # the second worker's
        ("FRAUD_MONITOR_PORT", "FRAUD_KAFKA_PORT", 3),  # the controller's
        ("FRAUD_METRICS_PORT", "FRAUD_KAFKA_PORT", -1),
        ("FRAUD_API_PORT", "FRAUD_METRICS_PORT", 1),
    ],
)
def test_a_duplicate_port_is_one_line_with_both_variables(environment, variable, other, offset):
    [line] = taken_ports(environment | {variable: str(int(environment[other]) + offset)})
    assert "has two uses" in line
    assert variable in line
    assert other in line


@pytest.mark.parametrize(
    ("variable", "port", "highest"),
    [("FRAUD_METRICS_PORT", "65535", "65534"), ("FRAUD_KAFKA_PORT", "65533", "65532")],
)
def test_the_ports_after_the_first_are_checked_too(environment, variable, port, highest):
    assert (
        f"{variable}={port} is not a port, 1 to {highest}"
        in Preflight(environment | {variable: port}, "").problems()
    )


def test_an_invalid_port_is_reported(environment):
    assert (
        "FRAUD_MONITOR_PORT=eight is not a port, 1 to 65535"
        in Preflight(environment | {"FRAUD_MONITOR_PORT": "eight"}, sys.executable).problems()
    )


def test_a_given_kafka_needs_neither_java_nor_a_port(environment, listener):
    given = environment | {
        "FRAUD_BOOTSTRAP_SERVERS": "kafka.example:9092",
        "FRAUD_KAFKA_PORT": str(listener),
    }
    report = "\n".join(Preflight(given, sys.executable).problems())
    assert "Kafka" not in report
    assert "port" not in report


def _leave_behind(home, pid, port):
    folder = Path(home) / "demo"
    folder.mkdir(parents=True)
    (folder / "processes.json").write_text(
        json.dumps([{"pid": pid, "created": 0.0, "command": "fraud monitor", "ports": [port]}])
    )


def test_a_port_of_a_killed_demos_leftovers_is_free(environment, listener):
    _leave_behind(environment["FRAUD_HOME"], os.getpid(), listener)
    assert taken_ports(environment | {"FRAUD_MONITOR_PORT": str(listener)}) == []


def test_ended_leftovers_use_no_port(environment, listener):
    never_a_pid = 2**22 + 1  # above Linux's largest
    _leave_behind(environment["FRAUD_HOME"], never_a_pid, listener)
    assert len(taken_ports(environment | {"FRAUD_MONITOR_PORT": str(listener)})) == 1


def test_existing_files_are_not_downloaded(environment, tmp_path):
    csv = tmp_path / "cache" / "streaming-fraud-scorer" / "creditcard.csv"
    wanted = [
        part.name
        for part in Preflight(environment, sys.executable, tmp_path).parts()
        if not part.there
    ]
    assert "creditcard.csv" in wanted
    csv.parent.mkdir(parents=True)
    csv.touch()
    wanted = [
        part.name
        for part in Preflight(environment, sys.executable, tmp_path).parts()
        if not part.there
    ]
    assert "creditcard.csv" not in wanted
    assert any("Python packages" in name for name in wanted)
