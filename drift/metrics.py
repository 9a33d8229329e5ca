"""The metrics of the monitor, each declared once with its name, kind, unit and meaning."""

from collections.abc import Sequence
from functools import partial

from msgspec import UNSET
from prometheus_client import CollectorRegistry, Counter, Gauge

from drift.detect.columns import Columns
from drift.detect.reference_profile import ReferenceProfile
from drift.detect.severity import LEVELS
from drift.events import WindowClosed
from drift.quality import Quality
from model.intervals import Interval
from payments.contract import DECISIONS
from streams.kafka.topics import PREDICTIONS
from streams.skipped_records import count_skipped_records

_WILSON = "95% Wilson interval"
_CUTS = "range over the model card's cuts"


class OptionalGauge:
    """A gauge that is absent, not 0, while its value is unknown.

    No verdict is not "no drift", no label is not "no fraud".
    """

    def __init__(self, name: str, meaning: str, registry: CollectorRegistry) -> None:
        self._gauge = Gauge(name, meaning, registry=None)
        self._registry = registry
        self._registered = False

    def set(self, value: float | None) -> None:
        """Set the value, or hide the gauge if it is None."""
        if value is None:
            if self._registered:
                self._registry.unregister(self._gauge)
        else:
            self._gauge.set(value)
            if not self._registered:
                self._registry.register(self._gauge)
        self._registered = value is not None


class IntervalGauges:
    """A proportion, with gauges `_low` and `_high` for the ends of its interval."""

    def __init__(
        self, name: str, meaning: str, registry: CollectorRegistry, interval: str = _WILSON
    ) -> None:
        self._value = OptionalGauge(name, meaning, registry)
        self._low, self._high = (
            OptionalGauge(f"{name}_{end}", f"Ends of the {interval} of {name}", registry)
            for end in ("low", "high")
        )

    def set(self, interval: Interval) -> None:
        """Set the gauges, hiding those that are unknown."""
        self._value.set(interval.value)
        self._low.set(interval.low)
        self._high.set(interval.high)


class DriftMetrics:
    """Gauges show the last committed window, from any process.

    Counters count the work of this process.
    """

    def __init__(self, registry: CollectorRegistry, columns: Columns) -> None:
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry)
        self._methods = {column.name: column.method for column in columns.all}
        self.skipped = count_skipped_records(registry, (PREDICTIONS,))
        self.windows = counter("fraud_drift_windows_total", "Windows closed by this process")
        self.late = counter(
            "fraud_drift_late_events_total",
            "Predictions whose event time is before their window, for windows by event time",
        )
        self.outliers = counter(
            "fraud_drift_outliers_total",
            "Values far outside of the reference, which were limited, in windows closed by this "
            "process",
            ["feature"],
        )
        for feature in columns.names:
            self.outliers.labels(feature)
        self.late_runs = counter(
            "fraud_drift_late_runs_total",
            "Times that windows by event time began again at an earlier time, because of a run of "
            "late predictions",
        )
        self.distance = gauge(
            "fraud_drift_distance",
            "Distance of the last window from its baseline (the windows before it, or the "
            "reference for the first), in standard deviations of the baseline; of a category "
            "(total_variation), as a share, 0..1",
            ["feature", "method"],
        )
        self.limit = gauge(
            "fraud_drift_limit",
            "The fraud_drift_distance from which the feature has drifted in the last window, "
            "in the same unit",
            ["feature"],
        )
        self.from_reference = gauge(
            "fraud_drift_reference_distance",
            "Distance of the last window from the model's reference, "
            "in standard deviations of the reference; of a category, as a share, 0..1",
            ["feature"],
        )
        self.share = gauge(
            "fraud_drift_share",
            "Share of the last window, 0..1, whose feature is missing (NAME.missing), or has a "
            "value that training gave no code of its own (NAME.other)",
            ["feature"],
        )
        self.tail = OptionalGauge(
            "fraud_drift_tail",
            "Surprise of the tail of the scores in the last window divided by its limit; "
            "1 or more counts as drift",
            registry,
        )
        self.stuck = gauge(
            "fraud_drift_stuck",
            "How much more of the last window than before one value of the feature takes, "
            "divided by its limit; 1 or more counts as drift",
            ["feature"],
        )
        self.drifted = counter(
            "fraud_drift_drifted_windows_total",
            "Windows closed by this process whose verdict was drift",
        )
        self.score = OptionalGauge(
            "data_drift_score",
            "Share of features at or over their threshold in the last window, 0..1",
            registry,
        )
        self.detected = OptionalGauge(
            "data_drift_detected", "1 when the last window has drifted, else 0", registry
        )
        self.window_end = OptionalGauge(
            "fraud_drift_window_end_timestamp_seconds",
            "Record time of the last prediction in the last window, in seconds since 1970",
            registry,
        )
        self.reports = counter(
            "fraud_drift_reports_total",
            "Reports by outcome",
            ["outcome"],
        )
        self.reports_skipped = counter(
            "fraud_drift_reports_skipped_total",
            "Reports skipped because one was being written and another was waiting, "
            "or left unwritten by the previous process",
        )
        for outcome in ("written", "failed"):
            self.reports.labels(outcome)
        self.severity = OptionalGauge(
            "fraud_drift_severity",
            "Severity after the last window, with hysteresis: 0 ok, 1 warn, 2 alarm",
            registry,
        )
        self.high_scores = OptionalGauge(
            "fraud_drift_high_scores",
            "Share of scores in the last window at or above the 99th percentile of the model's "
            "reference, divided by the reference's share; 1 is as many",
            registry,
        )
        self.reference_severity = OptionalGauge(
            "fraud_drift_reference_severity",
            "Shifts from the model's reference that have lasted for ten windows: 0 none, 1 of "
            "inputs only (warn), 2 of the scores (alarm)",
            registry,
        )
        self.weight = gauge(
            "fraud_drift_weight",
            "Distance times the model's reliance on the feature, a share of 1; "
            "the top features of the last window",
            ["feature"],
        )
        self.alerts = gauge(
            "fraud_drift_alerts_per_day",
            "Alerts a day: now, at the last window's rate; low and high, its 95% Poisson "
            "interval; usual, expected from the reference",
            ["value"],
        )
        self._top: set[str] = set()

    def record_window(self, event: WindowClosed) -> None:
        """Update the metrics with a committed window.

        Without a verdict, keep showing the previous one.
        """
        self.windows.inc()
        self.late.inc(event.late)
        self.drifted.inc(bool(event.detected))
        for feature, count in event.outliers.items():
            self.outliers.labels(feature).inc(count)
        self._show(event)

    def restore(self, earlier: Sequence[WindowClosed]) -> None:
        """Restore the gauges from earlier windows.

        If the last process died right after a commit, no process has counted that window: the alert
        DriftDetected then fires by the gauge.
        """
        with_verdict = [event for event in earlier if event.detected is not None]
        for event in (*with_verdict[-1:], *earlier[-1:]):
            self._show(event)

    def _show(self, event: WindowClosed) -> None:
        if event.end:
            self.window_end.set(event.end.timestamp())
        if event.severity:
            self.severity.set(LEVELS.index(event.severity))
        if event.reference_severity:
            self.reference_severity.set(LEVELS.index(event.reference_severity))
        if event.alerts:
            rates = {
                "now": event.alerts.per_day,
                "low": event.alerts.low,
                "high": event.alerts.high,
                "usual": event.alerts.usual_per_day,
            }
            for name, value in rates.items():
                self.alerts.labels(name).set(value)
        if event.score is None or event.detected is None:
            return
        self.score.set(event.score)
        self.detected.set(event.detected)
        self.tail.set(event.tail)
        self.high_scores.set(event.high_scores)
        for gauge, values in (
            (self.from_reference, event.from_reference),
            (self.limit, event.limits),
            (self.stuck, event.stuck),
            (self.share, {} if event.shares is UNSET else event.shares),
        ):
            for feature, value in values.items():
                gauge.labels(feature).set(value)
        for feature, distance in event.distances.items():
            if method := self._methods.get(feature):  # else of a model that had other features
                self.distance.labels(feature, method).set(distance)
        top = {ranked.feature: ranked.weight for ranked in event.top}
        for feature in self._top - top.keys():
            self.weight.remove(feature)
        self._top = set(top)
        for feature, weight in top.items():
            self.weight.labels(feature).set(weight)


def show_card(registry: CollectorRegistry, profile: ReferenceProfile) -> None:
    """Show what the model card expects, which does not change; absent if it was not measured."""
    IntervalGauges(
        "fraud_card_alert_share",
        "Alerts a payment that the model card expects, or its budget allows, 0..1",
        registry,
        _CUTS,
    ).set(profile.card_alert_share)
    IntervalGauges(
        "fraud_card_recall",
        "Recall at `review` that the model card expects, 0..1",
        registry,
        _CUTS,
    ).set(profile.card_recall)


class LabelMetrics:
    """Quality by labels, over the last windows whose labels are due."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry)
        self.labels = counter(
            "fraud_labels_read_total",
            "Records of labels read by this process",
            ["outcome"],
        )
        self.dropped = counter(
            "fraud_labels_dropped_total",
            "Labels dropped too early for lack of memory",
        )
        self.held = gauge("fraud_labels_held", "Labels in memory")
        self.payments = gauge(
            "fraud_label_payments",
            "Payments in the last windows whose labels are due, by decision and truth",
            ["decision", "truth"],
        )
        for outcome in ("valid", "invalid"):
            self.labels.labels(outcome)
        over = "over the last windows whose labels are due"
        self.precision = IntervalGauges(
            "fraud_label_precision", f"Frauds among the labelled alerts, 0..1, {over}", registry
        )
        self.recall = IntervalGauges(
            "fraud_label_recall",
            f"Alerts among the frauds labelled by others than analysts, 0..1, {over}",
            registry,
        )
        self.share = OptionalGauge(
            "fraud_labelled_share",
            f"LabelledPayments among the payments that were not blocked, 0..1, {over}",
            registry,
        )
        self.rises = counter(
            "fraud_label_fraud_rises_total",
            "Windows evaluated by this process that, with the one before, "
            "have more frauds than earlier windows explain",
        )
        self.rose = OptionalGauge(
            "fraud_label_frauds_rose",
            "1 if the last evaluated window, with the one before, "
            "has more frauds than earlier windows explain, else 0",
            registry,
        )

    def show_quality(self, quality: Quality, frauds_rose: bool | None) -> None:
        """Show the pooled outcomes of the last windows, and whether frauds rose in the newest."""
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
