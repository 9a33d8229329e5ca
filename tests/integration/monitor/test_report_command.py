"""`fraud report`: a window rebuilt from its offsets, and files without Kafka."""

from dataclasses import replace

import numpy as np
import pytest
from support.commands import set_environment
from support.data.drifting import COLUMNS, DECODER
from support.data.transactions import CREDITCARD, ENCODER
from support.monitoring import SIZE, events, predict, running
from support.report_numbers import findings

import cli.commands.report
import cli.main
from cli.support.settings import Settings
from drift import predictions, window_reader
from drift.detect import reference
from drift.detect.detector import SAMPLE_ROWS
from drift.events import read_all_windows
from drift.reports.evidently_report import ReportRequest


@pytest.fixture
def fraud(run_fraud, home):
    return replace(run_fraud, first=("report",))


@pytest.mark.parametrize(
    ("disturbance", "by"),
    [({"shift": 0.4}, "distance"), ({"high_scores": 20}, "tail"), ({"stuck": SIZE // 4}, "stuck")],
)
def test_gauges_report_event_and_rebuilt_window_agree(
    connection, tmp_path, fraud, monkeypatch, disturbance, by
):
    predict(connection, 3 * SIZE)
    with running(connection, tmp_path) as monitor:
        monitor.wait_for_windows(3)
        predict(connection, SIZE, seed=3, **disturbance)
        monitor.wait_for_windows(4)
    event = events(connection, 4)[-1]
    assert event["detected"]
    assert {
        "distance": event["score"] > 0,
        "tail": event["tail"] >= 1,
        "stuck": [name for name, ratio in event["stuck"].items() if ratio >= 1] == ["V14"],
    } == {"distance": by == "distance", "tail": by == "tail", "stuck": by == "stuck"}
    gauge = monitor.registry.get_sample_value
    assert (gauge("data_drift_score"), gauge("data_drift_detected")) == (event["score"], 1)
    shown = {
        name: gauge("fraud_drift_distance", {"feature": name, "method": "wasserstein"})
        for name in event["distances"]
    }
    assert shown == event["distances"]
    assert {
        name: gauge("fraud_drift_limit", {"feature": name}) for name in event["limits"]
    } == event["limits"]
    assert (
        sum(event["distances"][name] >= limit for name, limit in event["limits"].items())
        / len(COLUMNS)
        == event["score"]
    )
    assert gauge("fraud_drift_tail") == event["tail"]
    assert {
        name: gauge("fraud_drift_stuck", {"feature": name}) for name in event["stuck"]
    } == event["stuck"]

    windows = list(read_all_windows(connection))
    rows = predictions.make_detector_rows(
        window_reader.read_window(connection, windows[-1], DECODER).rows(), COLUMNS
    )
    verdict = reference.load(tmp_path / "model", CREDITCARD).detector.detect(
        rows, window_reader.rebuild_baseline(connection, windows[:-1], DECODER, COLUMNS)
    )
    found = (verdict.distances, verdict.limits, verdict.tail, verdict.constant_ratios)
    assert found == (event["distances"], event["limits"], event["tail"], event["stuck"])
    evidently = findings(ReportRequest(tmp_path / "own.html", rows, verdict))
    assert evidently.share == event["score"]
    assert evidently.values == pytest.approx(event["distances"], rel=1e-9)

    set_environment(monkeypatch, connection, FRAUD_MODEL_DIR=str(tmp_path / "model"))
    complaint = fraud.fail("--window", 9)
    assert complaint == "fraud: drift.events has no window 9 (the last is 4)\n"
    result = fraud.read_json("--window", 4)
    assert {name: result[name] for name in ("score", "detected", "distances", "stuck")} == {
        name: event[name] for name in ("score", "detected", "distances", "stuck")
    }
    assert result["report"] == str(tmp_path / event["report"])
    assert "Dataset Drift" in (tmp_path / event["report"]).read_text()


def test_the_monitor_and_a_later_report_sample_the_same_rows(
    connection, tmp_path, fraud, monkeypatch
):
    predict(connection, 6_000, shift=0.4)
    with running(connection, tmp_path, size=6_000) as monitor:
        monitor.wait_for_windows(1)
    (event,), (begun,) = monitor.windows, monitor.writer.requests
    assert event.detected
    set_environment(monkeypatch, connection, FRAUD_MODEL_DIR=str(tmp_path / "model"))
    later = cli.commands.report._request_for_window(Settings.from_environment(), 1, None)
    assert len(begun.rows) == SAMPLE_ROWS
    assert np.array_equal(later.rows, begun.rows)
    assert np.array_equal(later.verdict.baseline, begun.verdict.baseline)
    assert later.path == begun.path
    assert later.verdict.distances == event.distances
    gauge = monitor.registry.get_sample_value
    assert {
        name: gauge("fraud_drift_distance", {"feature": name, "method": "wasserstein"})
        for name in COLUMNS.names
    } == event.distances
    evidently = findings(later)
    assert evidently.values == pytest.approx(event.distances, abs=0.1)  # of a sample
    assert evidently.share > 0


def test_a_labelled_file_is_compared_with_another_without_kafka(
    fraud, model, creditcard_rows, tmp_path, monkeypatch
):
    monkeypatch.setenv("FRAUD_MODEL_DIR", str(model.directory))
    monkeypatch.setenv("FRAUD_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    before = creditcard_rows.iloc[120_000:150_000]
    now = creditcard_rows.iloc[150_000:153_000].assign(V14=lambda table: table["V14"] + 3)
    assert now["Class"].sum()
    before[list(ENCODER.names)].to_csv(tmp_path / "before.csv", index=False)
    now.to_csv(tmp_path / "now.csv", index=False)
    result = fraud.read_json("--data", tmp_path / "now.csv", "--reference", tmp_path / "before.csv")
    assert result["detected"]
    assert max(result["distances"], key=result["distances"].get) == "V14"
    assert (result["rows"], result["labelled"]) == (3_000, 3_000)
    html = (tmp_path / "reports" / "now-report.html").read_text()
    for part in ("Dataset Drift", "Confusion Matrix"):
        assert part in html


def table(rows, value="1"):
    return (
        "\n".join([",".join(ENCODER.names), *[",".join([value] * len(ENCODER.names))] * rows])
        + "\n"
    )


@pytest.mark.parametrize(
    ("content", "reference", "complaint"),
    [
        ("V1,V2\n1,2\n", None, "lacks the columns V3, V4"),
        (None, None, "cannot be read: No such file"),
        (table(1), None, "has 1 rows, too few for a verdict"),
        (table(1, "x"), None, "row 0: V1 is 'x', not a number"),
        (
            table(600),
            table(30),
            "before.csv must have at least 100 rows, all finite: choose another with --reference",
        ),
    ],
)
def test_an_unusable_file_is_a_one_line_error(
    fraud, model, tmp_path, content, reference, complaint
):
    for name, text in (("now.csv", content), ("before.csv", reference)):
        if text:
            (tmp_path / name).write_text(text)
    beside = ["--reference", tmp_path / "before.csv"] if reference else []
    said = fraud.fail("--data", tmp_path / "now.csv", "--model", model.directory, *beside)
    assert complaint in said


@pytest.mark.parametrize(
    "arguments", [(), ("--window", 1, "--data", "a.csv"), ("--window", 1, "--reference", "a.csv")]
)
def test_a_window_and_a_file_exclude_each_other(fraud, arguments):
    assert fraud(*arguments)[0] == 2
