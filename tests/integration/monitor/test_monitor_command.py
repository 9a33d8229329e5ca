"""`fraud monitor` as a process: metrics, Evidently reports and shutdown."""

import json
import os
import signal
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.commands import make_environment, run, start
from support.monitoring import SIZE, events, predict, write_whole_model
from support.ports import find_free_port, hold_port
from support.programs import require_program
from support.waiting import wait_for

from streams.kafka.connection import Connection


def fail(folder, code=1, **variables):
    """Run a monitor that can't start, and return what it complains about."""
    home = {"FRAUD_HOME": str(folder), "FRAUD_MODEL_DIR": str(folder / "model")}
    with start(["monitor"], os.environ | home | variables) as process:
        _, complaints = process.communicate(timeout=60)
    assert process.returncode == code
    return complaints.splitlines()


@pytest.fixture(scope="module")
def model_directory(tmp_path_factory):
    return write_whole_model(tmp_path_factory.mktemp("home"))


@pytest.fixture(params=[()])
def started(request, connection, tmp_path, model_directory):
    port = find_free_port()
    variables = make_environment(
        connection,
        FRAUD_HOME=str(tmp_path),
        FRAUD_MODEL_DIR=str(model_directory),
        FRAUD_MONITOR_PORT=str(port),
    )
    options = f"--window {SIZE} --idle-close 2s".split()
    with start(["monitor", *options, *request.param], variables) as process:
        yield process, port


def page(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return answer.read()


def gauges(port):
    try:
        text = page(port).decode()
    except OSError:
        return {}
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.labels
    }


def index(folder):
    path = folder / "index.html"
    return path.read_text() if path.exists() else ""


def test_metrics_follow_the_stream_and_sigterm_ends_the_monitor(connection, started, tmp_path):
    process, port = started
    wait_for(lambda: gauges(port).get("fraud_drift_windows_total") == 0, 60, "the page")
    assert "data_drift_score" not in gauges(port)
    predict(connection, SIZE)
    wait_for(lambda: gauges(port).get("data_drift_detected") == 0, 60, "the first verdict")
    predict(connection, 520, shift=2.0)
    wait_for(lambda: gauges(port).get("fraud_drift_windows_total") == 2, 60, "the rest")
    assert gauges(port)["data_drift_detected"] == 1
    windows = events(connection, 2)
    folder = (tmp_path / windows[0]["report"]).parent
    wait_for(lambda: "window 2:" in index(folder), 60, "the index with both windows")
    assert gauges(port)["data_drift_score"] == windows[-1]["score"]
    for window in windows:
        if window["report"]:
            assert "Dataset Drift" in (tmp_path / window["report"]).read_text()
            assert Path(window["report"]).name in index(folder)
    promtool = run([require_program("promtool"), "check", "metrics"], input=page(port), text=False)
    assert (promtool.returncode, promtool.stdout, promtool.stderr) == (0, b"", b"")
    process.send_signal(signal.SIGTERM)
    printed, complaints = process.communicate(timeout=6)
    assert process.returncode == 0
    assert [line.split(":")[0] for line in printed.splitlines()] == [
        "window 1",
        "window 2 (partial)",
    ]
    # a broker that has just started may still be loading its coordinators
    assert [line for line in complaints.splitlines() if not line.endswith("trying again")] == []


@pytest.mark.parametrize("started", [("--json",)], indirect=True)
def test_json_lines_equal_the_events_on_the_topic(connection, started):
    process, _ = started
    predict(connection, SIZE)
    [window] = events(connection, 1)
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=6)
    assert [json.loads(line) for line in printed.splitlines()] == [window]


def test_a_taken_port_is_a_one_line_error(tmp_path, model_directory):
    with hold_port() as port:
        own = {"FRAUD_MONITOR_PORT": str(port), "FRAUD_MODEL_DIR": str(model_directory)}
        complaints = fail(tmp_path, code=3, **own)
    [complaint] = complaints
    assert complaint.startswith(
        f"fraud: port {port} cannot be used (Address already in use); "
        "choose another with FRAUD_MONITOR_PORT; used by "
    )


def test_a_missing_model_is_a_one_line_error(tmp_path):
    [complaint] = fail(tmp_path)
    assert complaint.endswith("; run: fraud train")


def test_sigterm_ends_the_monitor_while_no_broker_answers(tmp_path, model_directory):
    port = find_free_port()
    variables = make_environment(
        Connection(f"127.0.0.1:{find_free_port()}"),
        FRAUD_HOME=str(tmp_path),
        FRAUD_MODEL_DIR=str(model_directory),
        FRAUD_MONITOR_PORT=str(port),
    )
    with start(["monitor"], variables) as process:
        wait_for(lambda: gauges(port), 60, "the page")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=6)
    assert process.returncode == 0
