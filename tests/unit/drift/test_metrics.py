import re
from collections import Counter
from datetime import timedelta

from prometheus_client import generate_latest
from support.data.drifting import COLUMNS
from support.data.windows import CLOSED_AT, make_window

from drift.detect.impact import AlertRate, Ranked
from drift.metrics import DriftMetrics


def closed(score, detected, at=1, distance=0.25, **more):
    columns = () if score is None else COLUMNS.names
    return make_window(
        score=score,
        detected=detected,
        distances=dict.fromkeys(columns, distance),
        from_reference=dict.fromkeys(columns, 2 * distance),
        limits=dict.fromkeys(columns, 0.75),
        stuck=dict.fromkeys(columns, 0.125),
        tail=None if score is None else 0.5,
        end=CLOSED_AT + timedelta(seconds=at),
        **more,
    )


def test_unknown_gauges_are_absent(registry):
    metrics = DriftMetrics(registry, COLUMNS)
    page = generate_latest(registry).decode()
    assert registry.get_sample_value("fraud_drift_windows_total") == 0
    assert "data_drift" not in page
    assert "fraud_drift_severity" not in page
    assert "fraud_drift_window_end_timestamp_seconds" not in page
    metrics.record_window(closed(None, None, at=12.5))  # a window without a verdict
    page = generate_latest(registry).decode()
    assert "data_drift" not in page
    assert registry.get_sample_value("fraud_drift_windows_total") == 1
    end = registry.get_sample_value("fraud_drift_window_end_timestamp_seconds")
    assert end == CLOSED_AT.timestamp() + 12.5


def test_gauges_follow_the_last_verdict(registry):
    value = registry.get_sample_value
    metrics = DriftMetrics(registry, COLUMNS)
    metrics.record_window(closed(0.1, False))
    assert (value("data_drift_score"), value("data_drift_detected")) == (0.1, 0)
    assert value("fraud_drift_drifted_windows_total") == 0
    metrics.record_window(
        closed(
            0.9,
            True,
            distance=0.5,
            severity="warn",
            alerts=AlertRate(2, 20.0, 5.0, 70.0, 11.0),
            high_scores=0.75,
            reference_severity="alarm",
        )
    )
    assert (value("fraud_drift_high_scores"), value("fraud_drift_reference_severity")) == (0.75, 2)
    assert (
        value("data_drift_score"),
        value("data_drift_detected"),
        value("fraud_drift_severity"),
    ) == (0.9, 1, 1)
    assert value("fraud_drift_distance", {"feature": "V14", "method": "wasserstein"}) == 0.5
    assert value("fraud_drift_reference_distance", {"feature": "V14"}) == 1
    assert value("fraud_drift_limit", {"feature": "V14"}) == 0.75
    assert value("fraud_drift_tail") == 0.5
    assert value("fraud_drift_stuck", {"feature": "V14"}) == 0.125
    assert value("fraud_drift_drifted_windows_total") == 1
    assert [
        value("fraud_drift_alerts_per_day", {"value": name})
        for name in ("low", "now", "high", "usual")
    ] == [5, 20, 70, 11]
    metrics.record_window(closed(None, None, severity="warn"))
    assert value("data_drift_score") == 0.9
    assert value("fraud_drift_windows_total") == 3


def test_a_new_process_restores_gauges_and_not_counters(registry):
    value = registry.get_sample_value
    metrics = DriftMetrics(registry, COLUMNS)
    metrics.restore([])
    assert "data_drift" not in generate_latest(registry).decode()
    drifted = closed(0.9, True, at=1, severity="alarm")
    metrics.restore(
        [closed(0.1, False, severity="ok"), drifted, closed(None, None, at=12.5, severity="alarm")]
    )
    assert (
        value("data_drift_score"),
        value("data_drift_detected"),
        value("fraud_drift_severity"),
    ) == (0.9, 1, 2)
    assert value("fraud_drift_limit", {"feature": "V14"}) == 0.75
    assert value("fraud_drift_window_end_timestamp_seconds") == CLOSED_AT.timestamp() + 12.5
    assert (value("fraud_drift_windows_total"), value("fraud_drift_drifted_windows_total")) == (
        0,
        0,
    )


def test_the_number_of_series_does_not_grow_with_windows(registry):
    metrics = DriftMetrics(registry, COLUMNS)
    for first in range(len(COLUMNS) - 5):
        top = [Ranked(feature, 1.0, 0.1) for feature in COLUMNS.names[first : first + 5]]
        metrics.record_window(
            closed(0.1, False, top=top, alerts=AlertRate(first, 1.0, 1.0, 1.0, 1.0))
        )
    samples = re.findall("^[a-z_]+", generate_latest(registry).decode(), re.MULTILINE)
    series = Counter(samples)
    for name in ("distance", "reference_distance", "limit", "stuck", "outliers_total"):
        assert series[f"fraud_drift_{name}"] == len(COLUMNS), name
    assert (series["fraud_drift_weight"], series["fraud_drift_alerts_per_day"]) == (5, 4)
    assert len(samples) < 6 * len(COLUMNS) + 35
