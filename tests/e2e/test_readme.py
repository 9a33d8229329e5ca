"""The README: every command of it that needs the system up is run against one, word for word but for ports; links lead somewhere."""

import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from scorers import ROOT, environment, scorer
from support import free_port, wait_for

README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"```sh\n(.+?)\n```", README, re.DOTALL)


def test_the_two_commands_come_first():
    assert COMMANDS[:2] == ["make demo", "make test"]


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.name
)
def test_links_lead_somewhere(page):
    links = [link for link in re.findall(r"\]\(([^)#]+)", page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.fixture(scope="module")
def system(module_connection, model, tmp_path_factory):
    """Scorer and monitor, as the demo leaves them up; returns the environment of a second terminal, and the monitor's port."""
    port = str(free_port())
    variables = environment(module_connection, FRAUD_MONITOR_PORT=port)
    monitor_variables = variables | {"FRAUD_HOME": str(tmp_path_factory.mktemp("home")), "FRAUD_MODEL_DIR": str(model.directory)}
    with scorer(module_connection, workers=2):
        monitor = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "monitor"], env=monitor_variables, cwd=ROOT, stdout=subprocess.DEVNULL
        )
        try:
            wait_for(lambda: page(port, "ready"), 60, "the monitor is ready")
            yield variables, port
        finally:
            monitor.terminate()
            monitor.wait(20)


def page(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return None


def run(command, variables, port):
    local = command.replace("8001", port).replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    done = subprocess.run(["bash", "-c", local], env=variables, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_four_uses_and_the_proof(system):
    variables, port = system
    publish, alerts, watch, replay, simulate, ledger = COMMANDS[2:8]
    assert "transactions[" in run(publish, variables, port)
    wait_for(lambda: "block" in run(alerts, variables, port), 60, "its alert")
    assert "10,000 sent, 10,000 confirmed" in run(replay, variables, port)
    wait_for(lambda: "data_drift_score" in (page(port, "metrics") or ""), 90, "a window closes")
    assert re.search(r"^data_drift_score (0|1)\.\d+$", run(watch, variables, port), re.MULTILINE)
    assert "20,000" in run(simulate, variables, port)
    assert re.search(r"lost +0 ", run(ledger, variables, port))
