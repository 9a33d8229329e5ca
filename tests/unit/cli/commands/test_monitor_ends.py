"""How `fraud monitor` ends when Kafka refuses it."""

import threading
from time import sleep

import pytest
from support.data.drifting import COLUMNS
from support.data.transactions import ENCODER
from support.monitoring import PROFILE, draw_rows
from support.ports import find_free_port
from typer.testing import CliRunner

import cli.commands.monitor
from cli.app import app
from drift.detect.detector import DriftDetector
from drift.detect.reference import ModelReference
from drift.labels.labelling import Labelling
from drift.monitor import Monitor
from streams.kafka.errors import RefusedError


@pytest.fixture
def refused(monkeypatch, tmp_path):
    def run(*_):
        raise RefusedError("no")

    def linger(thread):
        thread._stop_asked.wait()
        sleep(0.5)

    monkeypatch.setenv("FRAUD_HOME", str(tmp_path))
    monkeypatch.setenv("FRAUD_MONITOR_PORT", str(find_free_port()))
    reference = ModelReference("v", ENCODER, DriftDetector(draw_rows(500, seed=1), COLUMNS))
    monkeypatch.setattr("drift.loading.load", lambda *_: (reference, PROFILE))
    monkeypatch.setattr(cli.commands.monitor, "stop_on_signals", lambda *_: None)
    monkeypatch.setattr(Monitor, "run", run)
    monkeypatch.setattr(Labelling, "run", linger)


def test_no_thread_uses_a_connection_after_the_command_ends(refused):
    done = CliRunner().invoke(app, ["monitor"])
    assert isinstance(done.exception, RefusedError)
    assert "labelling" not in {thread.name for thread in threading.enumerate()}
