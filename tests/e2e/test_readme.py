"""The commands of README.md and docs run on a real system, word for word except for ports.

They are those of the tutorial, the simulation page, the runbooks, and the operations page with its
deployment, on one broker, and its backup of models.
"""

import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from support import commands
from support.api_process import run_api
from support.commands import FRAUD, make_environment
from support.data.transactions import CREDITCARD
from support.doc_pages import read_shell_blocks
from support.paths import ROOT
from support.ports import find_free_port
from support.programs import require_program
from support.scorer_process import run_scorer
from support.waiting import wait_for

from model.artefact import Model
from streams.kafka.connection import Connection

COMMANDS = read_shell_blocks("README.md")
DEPLOY, BACKUP, RESTORE = read_shell_blocks("docs/operations.md")
RUNBOOKS = {  # runbook to a text that its commands print
    "docs/runbooks/alert-volume-unusual.md": "fraud_model_info{",
    "docs/runbooks/budget.md": "fraud_card_alert_share",
    "docs/runbooks/dead-letters-rising.md": "invalid_transaction",
    "docs/runbooks/disk-space-low.md": "/reports",
    "docs/runbooks/drift-detected.md": "fraud_drift_distance{",
    "docs/runbooks/event-times-went-back.md": "fraud_drift_late_runs_total",
    "docs/runbooks/frauds-rising.md": "fraud_labels_read_total{",
    "docs/runbooks/lag-high.md": "fraud_consumer_lag{",
    "docs/runbooks/no-transactions.md": "Kafka answers",
    "docs/runbooks/partition-stalled.md": "Kafka answers",
    "docs/runbooks/transaction-left-open.md": "fraud_open_transaction_lag{",
    "docs/runbooks/recall-below-card.md": "fraud_card_recall",
    "docs/runbooks/records-skipped.md": "fraud_skipped_records_total{",
    "docs/runbooks/reference-shifted.md": "fraud_drift_reference_distance{",
    "docs/runbooks/reports-late.md": "fraud_drift_windows_total",
    "docs/runbooks/reports-missing.md": 'fraud_drift_reports_total{outcome="failed"}',
    "docs/runbooks/scorer-down.md": "cli.main score",
}


def test_the_two_commands_come_first():
    assert COMMANDS[:2] == ["make demo", "make test"]


@pytest.fixture(scope="module")
def system(module_connection, model, tmp_path_factory):
    """Scorer, monitor and API, as the demo runs them.

    Yields the environment of a second terminal, and the actual ports by those on the pages.
    """
    port = str(find_free_port())
    home = tmp_path_factory.mktemp("home")
    logs = home / "logs"
    logs.mkdir()
    variables = make_environment(
        module_connection,
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        FRAUD_HOME=str(home),
        FRAUD_MODEL_DIR=str(model.directory),
        FRAUD_MONITOR_PORT=port,
    )
    with (
        run_scorer(module_connection, workers=2) as workers,
        run_api(module_connection) as api,
        (logs / "monitor.log").open("wb") as log,
    ):
        monitor = subprocess.Popen(
            [*FRAUD, "monitor"],
            env=variables,
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
        try:
            wait_for(lambda: read_page(port, "ready"), 60, "the monitor is ready")
            (logs / "scorer.log").write_text(workers.log)
            ports = {"8000": str(api.base_url.port), "8001": port, "9101": str(workers.port)}
            yield variables, ports
        finally:
            monitor.terminate()
            monitor.wait(20)


def read_page(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return None


def run(command, variables, ports, folder=ROOT):
    local = command.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    for port, own in ports.items():
        local = local.replace(f"127.0.0.1:{port}/", f"127.0.0.1:{own}/")
    done = commands.run(["bash", "-c", local], env=variables, cwd=folder, timeout=500)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def read_metrics(ports):
    return read_page(ports["8001"], "metrics") or ""


def test_the_commands_of_the_readme(system):
    variables, ports = system
    publish, alerts, watch, replay, simulate, predict, ledger = COMMANDS[2:]
    assert "transactions[" in run(publish, variables, ports)
    wait_for(lambda: "block" in run(alerts, variables, ports), 60, "its alert")
    assert "10,000 sent, 10,000 confirmed" in run(replay, variables, ports)
    wait_for(lambda: "data_drift_score" in read_metrics(ports), 90, "a window closes")
    assert re.search(r"^data_drift_score (0|1)\.\d+$", run(watch, variables, ports), re.MULTILINE)
    assert "20,000" in run(simulate, variables, ports)
    assert '"decision":"block"' in run(predict, variables, ports)
    assert re.search(r"lost +0 ", run(ledger, variables, ports))


def test_the_commands_of_the_tutorial(system):
    variables, ports = system
    demo, publish, alerts, explain, judged, broken, letters, ledger, drifting, watch = (
        read_shell_blocks("docs/tutorial.md")
    )
    assert demo == "make demo"
    run(publish, variables, ports)
    wait_for(lambda: "block" in run(alerts, variables, ports), 60, "its alert")
    assert "margin" in run(explain, variables, ports)
    wait_for(lambda: '"position"' in run(judged, variables, ports), 30, "the console's alerts")
    run(broken, variables, ports)
    wait_for(
        lambda: "invalid_transaction" in run(letters, variables, ports), 60, "the dead letters"
    )
    assert re.search(r"lost +0 ", run(ledger, variables, ports))
    assert "20,000 confirmed" in run(drifting, variables, ports)
    wait_for(
        lambda: "data_drift_detected 1.0" in run(watch, variables, ports), 90, "drift is found"
    )


@pytest.fixture(scope="module")
def trouble(system):
    """The same system after it has refused transactions and found drift."""
    variables, ports = system
    run(
        "fraud simulate --rows 100 --disturb missing:V14@90 --send --no-labels",
        variables,
        ports,
    )
    run(
        "fraud replay --from 227845 --limit 20000 --rate 4000 --disturb shift:V4@10000:2",
        variables,
        ports,
    )
    wait_for(lambda: "data_drift_detected 1.0" in read_metrics(ports), 90, "drift is found")
    # the report itself is written only when the processor is idle
    (Path(variables["FRAUD_HOME"]) / "reports").mkdir(exist_ok=True)
    return system


@pytest.mark.parametrize("runbook", RUNBOOKS)
def test_the_commands_of_a_runbook(trouble, runbook):
    require_program("pgrep")
    require_program("uptime")
    variables, ports = trouble
    [look] = read_shell_blocks(runbook)
    seen = run(
        f"set -e; exec 2>&1\n{look.replace('.run', variables['FRAUD_HOME'])}", variables, ports
    )
    assert RUNBOOKS[runbook] in seen
    assert not re.search(r"No such file|not found", seen)


def test_the_commands_of_the_simulation_page(tmp_path):
    for simulate in read_shell_blocks("docs/simulation.md"):
        assert "100,000" in run(simulate.replace("--out ", f"--out {tmp_path}/"), None, {})


def test_the_deployment_of_the_operations_page(broker, creditcard, tmp_path):
    """Word for word, except for one replica on one broker, and local addresses only."""
    doctor, make_topics, train, *parts = (
        DEPLOY.replace("--replication 3", "--replication 1")
        .replace("--host 0.0.0.0 ", "")
        .splitlines()
    )
    assert [part.split()[1] for part in parts] == ["score", "monitor", "serve"]
    worker = find_free_port(following=3)
    monitor = find_free_port()
    api = find_free_port()
    variables = make_environment(
        Connection(broker, topic_prefix=f"deploy{secrets.token_hex(4)}."),
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        FRAUD_HOME=str(tmp_path),
        FRAUD_MODEL_DIR=str(tmp_path / "models" / "latest"),
        FRAUD_DATA=str(creditcard),
        FRAUD_METRICS_PORT=str(worker),
        FRAUD_MONITOR_PORT=str(monitor),
        FRAUD_API_PORT=str(api),
    )
    missing = commands.run(["bash", "-c", doctor], env=variables, cwd=ROOT)
    assert missing.returncode == 1
    assert {"transactions", "model"} <= set(re.findall(r"\w+", missing.stdout))
    run(make_topics, variables, {})
    run(train, variables, {})
    run(doctor, variables, {})
    started = [
        subprocess.Popen(shlex.split(part), env=variables, cwd=ROOT, stderr=subprocess.DEVNULL)
        for part in parts
    ]
    try:
        for port in (*range(worker, worker + 4), monitor, api):
            wait_for(lambda port=port: read_page(port, "ready"), 60, f"port {port} is ready")
    finally:
        for process in started:
            process.terminate()
    assert [process.wait(20) for process in started] == [0, 0, 0]


def test_models_can_be_backed_up_and_restored(model, tmp_path):
    home = tmp_path / "home"
    variables = os.environ | {"FRAUD_HOME": str(home)}
    shutil.copytree(model.directory, home / "models" / model.version)
    (home / "models" / "latest").symlink_to(model.version)
    run(BACKUP, variables, {}, tmp_path)
    shutil.rmtree(home)
    run(RESTORE, variables, {}, tmp_path)
    assert Model.load(home / "models" / "latest", CREDITCARD).version == model.version
    (home / "models" / "latest" / "model.ubj").write_bytes(b"damaged")
    run(RESTORE, variables, {}, tmp_path)
    assert Model.load(home / "models" / "latest", CREDITCARD).version == model.version
    assert [path.read_bytes() for path in home.glob("restored.*/before/latest/model.ubj")] == [
        b"damaged"
    ]
