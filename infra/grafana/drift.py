"""Dashboard Drift: is the stream still what the model was made for, and if not, where."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

from infra.grafana.frame import REPORTS, Panels, choice, dashboard
from infra.grafana.panels import THIRD, above, bars, grid, lines, now, number, query, verdict

_FEATURE = 'feature=~"$feature"'
# Standard deviations of the windows before. 0.5: the shift of a mean that a window of 1,000 is to find; half of it is worth a look.
_DISTANCE = above(0.25, 0.5)


def build() -> Dashboard:
    """The dashboard as it is provisioned."""
    return dashboard(
        "Drift",
        "fraud-drift",
        "Windows of predictions against those before them, and against the model's reference.",
        [choice("feature", "Feature", "label_values(fraud_drift_distance, feature)")],
        {"Now": _figures(), "Over time": _over_time(), "Features": _features()},
    )


def reports() -> DashboardLink:
    """From a panel to the reports."""
    return DashboardLink("Reports").type(DashboardLinkType.LINK).url(REPORTS).target_blank(True)


def _figures() -> Panels:
    return [
        number(
            "Drift",
            "The verdict on the last window. No data: no window has closed yet.",
            "none",
            query("max(data_drift_detected)"),
            above(0.5, 1),
        )
        .mappings([verdict(bad=1)])
        .data_links([reports()]),
        number(
            "Score",
            "Share of features over their threshold in the last window.",
            "percentunit",
            query("max(data_drift_score)"),
        ),
        number(
            "Age of the last window",
            "Since its last prediction was sent. Red: ReportsLate, if transactions are flowing.",
            "s",
            query("time() - max(fraud_drift_window_end_timestamp_seconds)"),
            above(900, 1800),
        ),
        number(
            "Windows",
            "Closed in the time shown.",
            "short",
            now("sum(increase(fraud_drift_windows_total[$__range]))"),
        ),
        number(
            "Reports skipped",
            "Windows without a report in the time shown: the last one was still being written, or the monitor ended. Their verdict stands.",
            "short",
            now("sum(increase(fraud_drift_reports_skipped_total[$__range]))"),
            above(0.5, 10),
        ),
        number(
            "Distance of the scores",
            "Of the model's margin from that of the windows before, in standard deviations.",
            "none",
            query('max(fraud_drift_distance{feature="margin"})'),
            _DISTANCE,
        ),
    ]


def _over_time() -> Panels:
    thirds = [
        lines(
            "Score",
            "Share of features over their threshold, window by window.",
            "percentunit",
            query("max(data_drift_score)", "score"),
        ).max(1),
        lines(
            "Detected",
            "1 while the last window's verdict is drift.",
            "none",
            query("max(data_drift_detected)", "detected"),
        ).max(1),
        lines(
            "Late events",
            "Predictions whose event time was before that of their window, in the last five minutes. Always 0 where windows are by count.",
            "short",
            query("sum(increase(fraud_drift_late_events_total[5m]))", "late"),
        ),
        lines(
            "Severity",
            "0 ok, 1 warn, 2 alarm, with hysteresis: alarm from the second drifted window in a row.",
            "none",
            query("max(fraud_drift_severity)", "severity"),
        ).max(2),
        lines(
            "Tail of the scores",
            "How surprising the number of high scores is, over its limit: from 1 on the window is drift, whatever its score.",
            "none",
            query("max(fraud_drift_tail)", "tail"),
            limits=above(0.5, 1),
        ),
        lines(
            "Alerts a day",
            "At the last window's pace, with the ends of its 95 % interval, and as usual by the model's reference. No cause is claimed.",
            "short",
            query("max by (value) (fraud_drift_alerts_per_day)", "{{value}}"),
        ),
    ]
    return [panel.span(THIRD) for panel in thirds]


def _features() -> Panels:
    distance = f"max by (feature) (fraud_drift_distance{{{_FEATURE}}})"
    return [
        grid(
            "Distance over its limit, by feature",
            "From the windows before; from 1 on it is drift. One row that turns red: an input. All at a certain hour: the rhythm.",
            "none",
            query(
                f"{distance} / max by (feature) (fraud_drift_limit{{{_FEATURE}}})", "{{feature}}"
            ),
            above(0.8, 1),
        ),
        bars(
            "What weighs most",
            "The five features with the largest distance times the model's reliance on them, in the last window.",
            "none",
            now(f"sort_desc(max by (feature) (fraud_drift_weight{{{_FEATURE}}}))", "{{feature}}"),
        ).data_links([reports()]),
        lines(
            "Stuck at one value",
            "How much more of the window than before one value of a feature takes, over its limit: from 1 on it is drift.",
            "none",
            query(f"max by (feature) (fraud_drift_stuck{{{_FEATURE}}})", "{{feature}}"),
            limits=above(0.5, 1),
        ),
        lines(
            "Farthest over time",
            "The five farthest at each moment.",
            "none",
            query(f"topk(5, {distance})", "{{feature}}"),
            limits=_DISTANCE,
        ),
        lines(
            "Farthest from the model's reference",
            "The five farthest at each moment from what the model was made for. It raises no alarm: the stream goes on, and a drift that "
            "stays is forgotten above after ten windows, and not here.",
            "none",
            query(
                f"topk(5, max by (feature) (fraud_drift_reference_distance{{{_FEATURE}}}))",
                "{{feature}}",
            ),
        ),
    ]
