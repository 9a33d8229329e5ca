"""`fraud score` before it starts any worker."""

import json

from support.ports import hold_port

from cli.commands.score import announce


def test_a_scorer_that_cannot_listen_leaves_the_other_scorers_announcement(
    home, monkeypatch, run_fraud
):
    monkeypatch.setenv("FRAUD_MODEL_DIR", str(home))
    monkeypatch.setattr("cli.commands.score.Supervisor", None)
    with hold_port() as port:
        announced = announce(home, "127.0.0.1", port - 1, workers=3)
        before = announced.read_text()
        error = run_fraud.fail("score", "--metrics-port", port - 1, "--workers", 2, code=3)
    assert f"port {port} cannot be used" in error
    assert announced.read_text() == before
    assert len(json.loads(before)[0]["targets"]) == 3
