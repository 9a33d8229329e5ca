import numpy as np
from prometheus_client import CollectorRegistry, generate_latest

from drift.metrics import DriftMetrics
from drift.statistics import COLUMNS, Limits, Verdict


def verdict(score, detected, distance=0.25):
    return Verdict(dict.fromkeys(COLUMNS, distance), score, detected, Limits(np.ones(len(COLUMNS)), 5))


def test_what_is_not_known_yet_is_absent():
    registry = CollectorRegistry()
    metrics = DriftMetrics(registry)
    page = generate_latest(registry).decode()
    assert registry.get_sample_value("fraud_drift_windows_total") == 0
    assert "data_drift" not in page
    assert "fraud_drift_window_end_timestamp_seconds" not in page
    metrics.window_closed(None, 12.5)  # a window without a verdict
    page = generate_latest(registry).decode()
    assert "data_drift" not in page
    assert registry.get_sample_value("fraud_drift_windows_total") == 1
    assert registry.get_sample_value("fraud_drift_window_end_timestamp_seconds") == 12.5


def test_gauges_follow_the_last_verdict():
    registry = CollectorRegistry()
    metrics = DriftMetrics(registry)
    metrics.window_closed(verdict(0.1, False), 1)
    assert (registry.get_sample_value("data_drift_score"), registry.get_sample_value("data_drift_detected")) == (0.1, 0)
    metrics.window_closed(verdict(0.9, True, distance=0.5), 2)
    assert (registry.get_sample_value("data_drift_score"), registry.get_sample_value("data_drift_detected")) == (0.9, 1)
    assert registry.get_sample_value("fraud_drift_distance", {"feature": "V14", "method": "wasserstein"}) == 0.5
    metrics.window_closed(None, 3)
    assert registry.get_sample_value("data_drift_score") == 0.9
    assert registry.get_sample_value("fraud_drift_windows_total") == 3


def test_one_series_a_feature():
    registry = CollectorRegistry()
    metrics = DriftMetrics(registry)
    for _ in range(3):
        metrics.window_closed(verdict(0.1, False), 1)
    series = [line for line in generate_latest(registry).decode().splitlines() if line.startswith("fraud_drift_distance{")]
    assert len(series) == len(COLUMNS)
