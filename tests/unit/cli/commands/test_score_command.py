"""`fraud score` before it starts any worker."""

import json
import socket
import sys

import pytest

from cli.commands.score import announce
from cli.main import main


def test_a_scorer_that_cannot_listen_leaves_the_other_scorers_announcement(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("FRAUD_HOME", str(tmp_path))
    monkeypatch.setenv("FRAUD_MODEL_DIR", str(tmp_path))
    monkeypatch.setattr("cli.commands.score.Supervisor", None)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        announced = announce(tmp_path, "127.0.0.1", port - 1, workers=3)
        before = announced.read_text()
        arguments = ["fraud", "score", "--metrics-port", str(port - 1), "--workers", "2"]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as stopped:
            main()
    assert stopped.value.code == 3
    assert f"port {port} cannot be used" in caplog.text
    assert announced.read_text() == before
    assert len(json.loads(before)[0]["targets"]) == 3
