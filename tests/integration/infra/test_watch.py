"""`python -m infra.watch` runs Debian's monitoring programs with our configuration and ports."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from support.paths import ROOT
from support.ports import find_free_port
from support.programs import require_program
from support.waiting import wait_for

from cli.commands.score import announce
from infra.kafka import ports

VARIABLES = ("FRAUD_PROMETHEUS_PORT", "FRAUD_ALERTMANAGER_PORT", "FRAUD_NODE_EXPORTER_PORT")


@pytest.fixture
def variables(tmp_path):
    first = find_free_port(following=2)
    own = {variable: str(first + i) for i, variable in enumerate(VARIABLES)}
    return {
        **os.environ,
        **own,
        "FRAUD_HOME": str(tmp_path),
        "FRAUD_ALERT_WEBHOOK": "http://127.0.0.1:9/",
        "FRAUD_MONITOR_PORT": "9301",
    }


def start_watch(variables):
    line = [sys.executable, "-m", "infra.watch"]
    return subprocess.Popen(
        line, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def read_targets(variables):
    try:
        with urlopen(
            f"http://127.0.0.1:{variables['FRAUD_PROMETHEUS_PORT']}/api/v1/targets", timeout=5
        ) as answer:
            found = json.load(answer)["data"]["activeTargets"]
    except OSError:
        return {}
    return {
        (target["labels"]["job"], target["labels"]["instance"]): target["health"]
        for target in found
    }


def find_scorers(variables):
    return sorted(instance for job, instance in read_targets(variables) if job == "scorer")


def test_it_scrapes_the_configured_ports_and_ctrl_c_ends_all_programs(variables):
    for package in ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter"):
        require_program(package)
    process = start_watch(variables)
    try:
        node = ("node", f"127.0.0.1:{variables['FRAUD_NODE_EXPORTER_PORT']}")
        wait_for(
            lambda: read_targets(variables).get(node) == "up",
            60,
            "Prometheus sees the node exporter",
        )
        assert ("monitor", "127.0.0.1:9301") in read_targets(variables)
        assert find_scorers(variables) == []
        announced = announce(Path(variables["FRAUD_HOME"]), "0.0.0.0", 9401, workers=3)
        wait_for(
            lambda: (
                find_scorers(variables) == ["127.0.0.1:9401", "127.0.0.1:9402", "127.0.0.1:9403"]
            ),
            30,
            "three workers",
        )
        announce(Path(variables["FRAUD_HOME"]), "127.0.0.1", 9401, workers=1)
        wait_for(lambda: find_scorers(variables) == ["127.0.0.1:9401"], 30, "one instead of three")
        announced.unlink()
        wait_for(lambda: find_scorers(variables) == [], 30, "no worker")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, errors) == (0, "")
    assert not any(ports.is_taken(int(variables[variable])) for variable in VARIABLES)


def test_the_error_names_a_taken_port_and_the_likely_program(variables):
    for package in ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter"):
        require_program(package)
    port = variables["FRAUD_PROMETHEUS_PORT"]
    with socket.create_server(("127.0.0.1", int(port))):
        process = start_watch(variables)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.splitlines() == [
        f"port {port} is in use by another program, perhaps the system's prometheus "
        "(sudo systemctl disable --now prometheus); "
        "stop it, or set FRAUD_PROMETHEUS_PORT to another port"
    ]


def test_the_error_names_missing_programs_and_how_to_install_them(variables, tmp_path):
    process = start_watch({**variables, "PATH": str(tmp_path)})
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "apt install prometheus-node-exporter prometheus-alertmanager prometheus" in errors
