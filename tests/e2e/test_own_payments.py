"""The page about a team's own payments works word for word, from a CSV to alerts and a window."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import commands
from support.commands import make_environment
from support.doc_pages import read_shell_blocks
from support.ports import find_free_port
from support.waiting import wait_for

COMMANDS = read_shell_blocks("docs/own-payments.md")
ROWS = 20_000


def write_payments(path):
    """Write payments under names of their own; frauds are expensive, abroad and online."""
    random = np.random.default_rng(11)
    seconds = np.sort(random.uniform(0, 30 * 86_400, ROWS))
    times = pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(seconds.round(3), unit="s")
    fraud = random.random(ROWS) < 0.01
    country = random.choice(["BE", "FR", "NL", "DE", "US"], ROWS, p=[0.5, 0.2, 0.15, 0.1, 0.05])
    channel = random.choice(["chip", "ecom", "atm"], ROWS, p=[0.6, 0.3, 0.1])
    table = pd.DataFrame(
        {
            "ref": [f"p{number:07d}" for number in range(ROWS)],
            "booked_at": times.strftime("%Y-%m-%dT%H:%M:%S.%f").str[:-3] + "Z",
            "card": [f"c{card:05d}" for card in random.integers(0, 1500, ROWS)],
            "merchant": [f"m{merchant:04d}" for merchant in random.integers(0, 300, ROWS)],
            "value": np.exp(random.normal(3 + 2.5 * fraud, 0.8)).round(2),
            "country": np.where(fraud & (random.random(ROWS) < 0.7), "NG", country),
            "channel": np.where(fraud & (random.random(ROWS) < 0.8), "ecom", channel),
            "is_fraud": fraud.astype(int),
        }
    )
    table.to_csv(path, index=False)


@pytest.fixture
def shell(connection, tmp_path):
    """Run a command of the page in a folder with the file, on the test's Kafka."""
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    variables = make_environment(
        connection,
        FRAUD_HOME=str(tmp_path / "home"),
        FRAUD_MONITOR_PORT=str(find_free_port()),
        FRAUD_METRICS_PORT=str(find_free_port()),
        FRAUD_SCHEMA="schema.toml",
        FRAUD_DATA="payments.csv",
        PATH=os.environ["PATH"],
    )
    variables.pop("FRAUD_MODEL_DIR", None)

    def run(command):
        done = commands.run(["bash", "-c", command], env=variables, cwd=tmp_path, timeout=500)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    @contextlib.contextmanager
    def keep_running(command):
        with (tmp_path / "service.log").open("ab") as log:
            process = subprocess.Popen(
                command.split(), env=variables, cwd=tmp_path, stdout=log, stderr=log
            )
            try:
                yield process
            finally:
                process.terminate()
                process.wait(60)

    run.keep_running = keep_running
    run.folder = tmp_path
    return run


def test_from_a_csv_to_alerts_and_a_window(shell):
    write_payments(shell.folder / "payments.csv")
    (
        init,
        check,
        variables,
        train,
        threshold,
        evaluate,
        kafka,
        score,
        monitor,
        replay,
        alerts,
        ledger,
    ) = COMMANDS
    assert variables == "export FRAUD_SCHEMA=schema.toml FRAUD_DATA=payments.csv"
    assert kafka == ".venv/bin/fraud kafka start && .venv/bin/fraud topics"
    shell(init)
    assert "country" in shell(check)
    assert "average precision" in shell(train)
    assert "saved as" in shell(threshold)
    assert "recall" in shell(evaluate)
    with shell.keep_running(score), shell.keep_running(f"{monitor} --json"):
        assert "4,000 confirmed" in shell(replay)
        wait_for(lambda: "complete" in shell(ledger), 120, "every payment is scored")
        found = [json.loads(line) for line in shell(f"{alerts} --json").splitlines()]
        printed = shell(alerts)
        wait_for(lambda: '"detected":' in read_log(shell), 120, "a window closes")
    assert 0 < len(found) <= 5
    reasons = {reason["feature"]: reason for alert in found for reason in alert["reasons"]}
    assert {"value", "country", "channel"} <= set(reasons)
    assert isinstance(reasons["country"]["value"], str)
    assert set(reasons["country"]["usual"]) == {"share"}
    assert "NG" in printed


def read_log(shell):
    return (shell.folder / "service.log").read_text()
