"""`fraud monitor` as a process: metrics, Evidently reports and shutdown."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.monitoring import SIZE, events, predict, write_whole_model
from support.ports import find_free_port
from support.programs import require_program
from support.waiting import wait_for

ROOT = Path(__file__).resolve().parents[3]


def command(folder, *arguments, **variables):
    environment = {
        **os.environ,
        "FRAUD_HOME": str(folder),
        "FRAUD_MODEL_DIR": str(folder / "model"),
        **variables,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", "monitor", *arguments],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def model_directory(tmp_path_factory):
    return write_whole_model(tmp_path_factory.mktemp("home"))


@pytest.fixture(params=[()])
def started(request, connection, tmp_path, model_directory):
    port = find_free_port()
    process = command(
        tmp_path,
        *request.param,
        "--window",
        str(SIZE),
        "--idle-close",
        "2s",
        FRAUD_MODEL_DIR=str(model_directory),
        FRAUD_BOOTSTRAP_SERVERS=connection.bootstrap_servers,
        FRAUD_TOPIC_PREFIX=connection.topic_prefix,
        FRAUD_MONITOR_PORT=str(port),
    )
    yield process, port
    process.kill()
    process.communicate()


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
    promtool = subprocess.run(
        [require_program("promtool"), "check", "metrics"],
        input=page(port),
        capture_output=True,
        check=False,
    )
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
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        process = command(tmp_path, FRAUD_MONITOR_PORT=port, FRAUD_MODEL_DIR=str(model_directory))
        _, complaints = process.communicate(timeout=60)
    assert process.returncode == 1
    assert complaints.splitlines() == [
        f"fraud: port {port} cannot be used (Address already in use); "
        "choose another with FRAUD_MONITOR_PORT"
    ]


def test_a_missing_model_is_a_one_line_error(tmp_path):
    process = command(tmp_path)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 1
    assert len(complaints.splitlines()) == 1
    assert "run `fraud train`" in complaints


def test_sigterm_ends_the_monitor_while_no_broker_answers(tmp_path, model_directory):
    port = find_free_port()
    process = command(
        tmp_path,
        FRAUD_BOOTSTRAP_SERVERS=f"127.0.0.1:{find_free_port()}",
        FRAUD_MONITOR_PORT=str(port),
        FRAUD_MODEL_DIR=str(model_directory),
    )
    wait_for(lambda: gauges(port), 60, "the page")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=6)
    assert process.returncode == 0
