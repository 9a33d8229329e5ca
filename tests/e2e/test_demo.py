"""`fraud demo` as a process: its summary, its interruption, and the leftovers of a killed one."""

import json
import os
import re
import secrets
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
from support.commands import FRAUD, make_environment, run
from support.doc_pages import read_shell_blocks
from support.paths import ROOT
from support.ports import find_free_port, hold_port
from support.topic_reader import read_all
from support.waiting import wait_for

from drift.events import read_all_windows
from streams.kafka.connection import Connection
from streams.kafka.topics import PREDICTIONS

COUNT = 56_962


@pytest.fixture
def variables(broker, model, tmp_path):
    """The environment of a demo with a new home, free ports, new topics and the current model."""
    own = {
        "FRAUD_HOME": str(tmp_path / "home"),
        "FRAUD_MODEL_DIR": str(model.directory),
        "FRAUD_METRICS_PORT": str(find_free_port(following=1)),
        "FRAUD_MONITOR_PORT": str(find_free_port()),
        "FRAUD_API_PORT": str(find_free_port()),
    }
    # the demo creates its topics itself
    connection = Connection(broker, topic_prefix=f"demo{secrets.token_hex(4)}.")
    return make_environment(connection, **own)


def start(variables, *arguments):
    command = [*FRAUD, "demo", *arguments]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(
        command, env=variables, cwd=ROOT, text=True, start_new_session=True, **streams
    )


def find_processes(variables):
    """Return every process of this demo, recognized by FRAUD_HOME in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            same_home = process.environ().get("FRAUD_HOME") == variables["FRAUD_HOME"]
            if same_home and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def has_started(demo, variables):
    """Return whether scorer, monitor and API have been started."""
    assert demo.poll() is None, demo.communicate()[0]
    return len(read_recorded_processes(variables)) == 3


def read_recorded_processes(variables):
    path = Path(variables["FRAUD_HOME"], "demo", "processes.json")
    return json.loads(path.read_text() or "[]") if path.exists() else []


def test_a_demo_removes_the_leftovers_of_a_killed_one_and_loses_nothing(variables):
    killed = start(variables)
    wait_for(lambda: has_started(killed, variables), 60, "scorer, monitor and API are started")
    killed.kill()
    killed.communicate()
    leftovers = {process.pid for process in find_processes(variables)}
    assert leftovers
    demo = start(variables, "--rate", "0", "--json")
    output, _ = demo.communicate(timeout=500)
    assert demo.returncode == 0, output
    assert "of an earlier demo" in output
    assert not find_processes(variables)
    summary = json.loads(Path(variables["FRAUD_HOME"], "demo", "summary.json").read_text())
    assert json.dumps(summary) in output.splitlines()
    for name in ("sent", "scored", "labelled"):
        assert summary[name] == COUNT, name
    for name in ("rejected", "lost", "duplicated", "phantom", "resent"):
        assert summary[name] == 0, name
    # the operating point, as docs/model.md and the model's card give it
    assert (summary["frauds_flagged"], summary["frauds"]) == (54, 75)
    assert summary["alerts"] == summary["flagged"] == 59
    assert summary["precision"] == summary["frauds_flagged"] / summary["flagged"]
    assert summary["recall"] == summary["frauds_flagged"] / 75
    assert sum(window["events"] for window in summary["windows"]) == COUNT
    assert [window["partial"] for window in summary["windows"]] == [False] * 11 + [True]
    for window in summary["windows"]:
        assert window["detected"] in (True, False)
        if window["report"]:
            assert Path(variables["FRAUD_HOME"], window["report"]).is_file()
    assert any(window["report"] for window in summary["windows"])
    # without a rate, there is no schedule from which to measure delays
    assert summary["end_to_end_seconds"] == {"p50": None, "p95": None, "p99": None}


@pytest.mark.long
def test_injected_drift_is_found_and_nothing_before_it(variables, model):
    """`make demo DRIFT=1` at full speed."""
    printed = run(["make", "-n", "demo", "DRIFT=1", "RATE=0"], cwd=ROOT, check=True).stdout
    demo = start(variables, *printed.splitlines()[-1].partition("fraud demo ")[2].split())
    output, _ = demo.communicate(timeout=500)
    assert demo.returncode == 0, output
    connection = Connection(
        variables["FRAUD_BOOTSTRAP_SERVERS"], topic_prefix=variables["FRAUD_TOPIC_PREFIX"]
    )
    disturbed = {}  # partition to offset to whether the row is disturbed
    for message in read_all(connection, PREDICTIONS, COUNT):
        number = int(json.loads(message.value())["transaction_id"].rpartition("-")[2])
        row = number - model.manifest.test.first
        disturbed.setdefault(str(message.partition()), {})[message.offset()] = row >= COUNT // 2
    shares = []
    for window in read_all_windows(connection):
        rows = [
            disturbed[partition][offset]
            for partition, span in window.offsets.items()
            for offset in range(*span)
            if offset in disturbed[partition]
        ]
        shares.append((window, sum(rows) / len(rows)))
    assert [window.window for window, share in shares if window.detected and not share] == []
    first = next(window for window, share in shares if share > 0.75)
    assert first.detected
    assert first.top[0].feature == "V4"


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_first_command_of_the_readme(variables):
    command = read_shell_blocks("README.md")[0]
    assert command == "make demo"
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(
        command.split(), env=variables, cwd=ROOT, text=True, check=False, **streams
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"\blost\W+0\b", done.stdout)
    assert not find_processes(variables)


def test_ctrl_c_leaves_no_process(variables):
    demo = start(variables)
    wait_for(lambda: has_started(demo, variables), 60, "scorer, monitor and API are started")
    os.killpg(demo.pid, signal.SIGINT)
    output, _ = demo.communicate(timeout=180)
    assert demo.returncode == 130, output
    assert not find_processes(variables)


def test_a_taken_port_is_a_one_line_error_that_names_its_variable(variables):
    port = variables["FRAUD_MONITOR_PORT"]
    with hold_port(int(port)):
        demo = start(variables)
        output, _ = demo.communicate(timeout=180)
    assert demo.returncode == 1
    expected = f"port {port} (monitor) is in use by another program; stop it, or set "
    assert f"{expected}FRAUD_MONITOR_PORT" in output
