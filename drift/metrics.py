"""Every metric of the monitor, declared once: name, kind, unit, meaning."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from drift.statistics import METHOD, Verdict


class DriftMetrics:
    """The gauges follow the last committed window. What nothing is known of yet is absent, not 0: no verdict is not "no drift"."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.windows = Counter("fraud_drift_windows_total", "Windows closed by this process", registry=registry)
        self.distance = Gauge(
            "fraud_drift_distance",
            "Distance between the last window and the model's reference, in standard deviations of the reference",
            ["feature", "method"],
            registry=registry,
        )
        self.score = Gauge("data_drift_score", "Share of features at or over their threshold in the last window, 0..1", registry=None)
        self.detected = Gauge("data_drift_detected", "1 when the last window's verdict is drift, else 0", registry=None)
        self.window_end = Gauge(
            "fraud_drift_window_end_timestamp_seconds",
            "Record time of the last prediction in the last window, in seconds since 1970",
            registry=None,
        )
        self.reports = Counter("fraud_drift_reports_total", "Reports by what became of them", ["outcome"], registry=registry)
        self.reports_skipped = Counter(
            "fraud_drift_reports_skipped_total", "Reports left out because another was being written", registry=registry
        )
        for outcome in ("written", "failed"):
            self.reports.labels(outcome)
        self._absent = [self.score, self.detected, self.window_end]

    def window_closed(self, verdict: Verdict | None, end_timestamp: float) -> None:
        """A window is visible to readers. Without a verdict the last one stands."""
        self.windows.inc()
        self._set(self.window_end, end_timestamp)
        if verdict is None:
            return
        self._set(self.score, verdict.score)
        self._set(self.detected, float(verdict.detected))
        for feature, distance in verdict.distances.items():
            self.distance.labels(feature, METHOD).set(distance)

    def _set(self, gauge: Gauge, value: float) -> None:
        gauge.set(value)
        if gauge in self._absent:
            self._absent.remove(gauge)
            self._registry.register(gauge)
