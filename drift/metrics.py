"""Every metric of the monitor, declared once: name, kind, unit, meaning."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge

from drift.detect.detector import METHOD
from drift.detect.severity import LEVELS
from drift.events import WindowClosed
from drift.labels.quality import Quality
from model.intervals import Interval
from payments.contract import DECISIONS


class KnownGauge:
    """A gauge that is absent, not 0, while nothing is known of its value: no verdict is not "no drift", no label is not "no fraud"."""

    def __init__(self, name: str, meaning: str, registry: CollectorRegistry) -> None:
        self._gauge, self._registry, self._shown = (
            Gauge(name, meaning, registry=None),
            registry,
            False,
        )

    def set(self, value: float | None) -> None:
        """To be shown from now on; None: not known any more."""
        if value is not None:
            self._gauge.set(value)
        if self._shown != (value is not None):
            (self._registry.unregister if self._shown else self._registry.register)(self._gauge)
            self._shown = not self._shown


class IntervalGauges:
    """A proportion and, as `_low` and `_high`, the ends of its 95 % Wilson interval."""

    def __init__(self, name: str, meaning: str, registry: CollectorRegistry) -> None:
        self._value = KnownGauge(name, meaning, registry)
        self._low, self._high = (
            KnownGauge(f"{name}_{end}", f"Ends of the 95 % Wilson interval of {name}", registry)
            for end in ("low", "high")
        )

    def set(self, found: Interval) -> None:
        """What is known of it now."""
        self._value.set(found.value)
        self._low.set(found.low)
        self._high.set(found.high)


class DriftMetrics:
    """The gauges follow the last committed window, whichever process committed it; counters count what this one did."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.windows = Counter(
            "fraud_drift_windows_total", "Windows closed by this process", registry=registry
        )
        self.late = Counter(
            "fraud_drift_late_events_total",
            "Predictions from before their window's event time, where windows are by it",
            registry=registry,
        )
        self.distance = Gauge(
            "fraud_drift_distance",
            "Distance between the last window and the windows before it, in standard deviations of these; the first faces the reference",
            ["feature", "method"],
            registry=registry,
        )
        self.limit = Gauge(
            "fraud_drift_limit",
            "From which fraud_drift_distance on the feature of the last window is drift, in standard deviations of the windows before it",
            ["feature"],
            registry=registry,
        )
        self.from_reference = Gauge(
            "fraud_drift_reference_distance",
            "Distance between the last window and the model's reference, in standard deviations of the reference; it raises no alarm",
            ["feature"],
            registry=registry,
        )
        self.tail = KnownGauge(
            "fraud_drift_tail",
            "Surprise of the tail of the scores in the last window over its limit: from 1 on it is drift",
            registry,
        )
        self.stuck = Gauge(
            "fraud_drift_stuck",
            "How much more of the last window than before one value of the feature takes, over its limit: from 1 on it is drift",
            ["feature"],
            registry=registry,
        )
        self.drifted = Counter(
            "fraud_drift_drifted_windows_total",
            "Windows closed by this process whose verdict was drift",
            registry=registry,
        )
        self.score = KnownGauge(
            "data_drift_score",
            "Share of features at or over their threshold in the last window, 0..1",
            registry,
        )
        self.detected = KnownGauge(
            "data_drift_detected", "1 when the last window's verdict is drift, else 0", registry
        )
        self.window_end = KnownGauge(
            "fraud_drift_window_end_timestamp_seconds",
            "Record time of the last prediction in the last window, in seconds since 1970",
            registry,
        )
        self.reports = Counter(
            "fraud_drift_reports_total",
            "Reports by what became of them",
            ["outcome"],
            registry=registry,
        )
        self.reports_skipped = Counter(
            "fraud_drift_reports_skipped_total",
            "Reports left out because one was being written and another waited, or left behind by the process before this",
            registry=registry,
        )
        for outcome in ("written", "failed"):
            self.reports.labels(outcome)
        self.severity = KnownGauge(
            "fraud_drift_severity",
            "0 ok, 1 warn, 2 alarm: after the last window, with hysteresis",
            registry,
        )
        self.weight = Gauge(
            "fraud_drift_weight",
            "Distance times the model's reliance on the feature, a share of 1: the features that weigh most in the last window",
            ["feature"],
            registry=registry,
        )
        self.alerts = Gauge(
            "fraud_drift_alerts_per_day",
            "Alerts a day at the last window's pace: now, the ends of its 95 % Poisson interval, and usual: by the model's reference",
            ["value"],
            registry=registry,
        )
        self._weighed: set[str] = set()

    def window_closed(self, event: WindowClosed) -> None:
        """A window is visible to readers. Without a verdict the last one stands."""
        self.windows.inc()
        self.late.inc(event.late)
        self.drifted.inc(bool(event.detected))
        self._show(event)

    def restore(self, earlier: Sequence[WindowClosed]) -> None:
        """The gauges stand where these windows left them.

        One that drifted may have been counted by no process, where the last one died right after the commit: the alert DriftDetected then
        fires by the gauge.
        """
        for event in [event for event in earlier if event.detected is not None][-1:] + list(
            earlier[-1:]
        ):
            self._show(event)

    def _show(self, event: WindowClosed) -> None:
        if event.end:
            self.window_end.set(event.end.timestamp())
        if event.severity:
            self.severity.set(LEVELS.index(event.severity))
        if event.alerts:
            found = event.alerts
            for name, value in (
                ("now", found.per_day),
                ("low", found.low),
                ("high", found.high),
                ("usual", found.usual_per_day),
            ):
                self.alerts.labels(name).set(value)
        if event.score is None or event.detected is None:
            return
        self.score.set(event.score)
        self.detected.set(event.detected)
        self.tail.set(event.tail)
        for feature, distance in event.from_reference.items():
            self.from_reference.labels(feature).set(distance)
        for feature, limit in event.limits.items():
            self.limit.labels(feature).set(limit)
        for feature, still in event.stuck.items():
            self.stuck.labels(feature).set(still)
        for feature, distance in event.distances.items():
            self.distance.labels(feature, METHOD).set(distance)
        for feature in self._weighed - {one.feature for one in event.top}:
            self.weight.remove(feature)
        self._weighed = {one.feature for one in event.top}
        for one in event.top:
            self.weight.labels(one.feature).set(one.weight)


class LabelMetrics:
    """What labels say of the last windows whose labels had their time."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.labels = Counter(
            "fraud_labels_read_total",
            "Records of labels that this process read",
            ["outcome"],
            registry=registry,
        )
        self.dropped = Counter(
            "fraud_labels_dropped_total",
            "Labels forgotten too early, for want of memory",
            registry=registry,
        )
        self.held = Gauge("fraud_labels_held", "Labels in memory", registry=registry)
        self.payments = Gauge(
            "fraud_label_payments",
            "Payments in the last windows whose labels had their time, by decision and by what they were",
            ["decision", "truth"],
            registry=registry,
        )
        for outcome in ("valid", "invalid"):
            self.labels.labels(outcome)
        over = "over the last windows whose labels had their time"
        self.precision = IntervalGauges(
            "fraud_label_precision", f"Frauds among the labelled alerts, 0..1, {over}", registry
        )
        self.recall = IntervalGauges(
            "fraud_label_recall",
            f"Alerts among the frauds that others than analysts labelled, 0..1, {over}",
            registry,
        )
        self.share = KnownGauge(
            "fraud_labelled_share",
            f"Labelled among the payments that were not blocked, 0..1, {over}",
            registry,
        )
        self.rises = Counter(
            "fraud_label_fraud_rises_total",
            "Windows judged by this process that, with the one before, hold more frauds than the windows before those explain",
            registry=registry,
        )
        self.rose = KnownGauge(
            "fraud_label_frauds_rose",
            "1 when the last judged window, with the one before, holds more frauds than the windows before those explain, else 0",
            registry,
        )

    def judged(self, quality: Quality, frauds_rose: bool | None) -> None:
        """What all these windows came to together, and whether the last of them is a rise of frauds."""
        self.rose.set(frauds_rose)
        for decision in DECISIONS:
            outcomes = getattr(quality, decision)
            legitimate = outcomes.legitimate + outcomes.analyst_legitimate
            truths = {
                "fraud": outcomes.frauds,
                "legitimate": legitimate,
                "unknown": outcomes.payments - outcomes.labelled,
            }
            for truth, count in truths.items():
                self.payments.labels(decision, truth).set(count)
        self.precision.set(quality.precision)
        self.recall.set(quality.recall)
        self.share.set(quality.labelled_share)
