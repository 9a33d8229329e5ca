"""Dashboard Drift: is the stream still what the model was made for, and if not, where."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

from infra.grafana.frame import REPORTS, Panels, choice, dashboard
from infra.grafana.panels import THIRD, above, bars, grid, lines, now, number, query, verdict

_FEATURE = 'feature=~"$feature"'
# Standard deviations of the reference. 0.5: the shift of a mean that a window of 1,000 is to find; half of it is worth a look.
_DISTANCE = above(0.25, 0.5)


def build() -> Dashboard:
    """The dashboard as it is provisioned."""
    return dashboard(
        "Drift",
        "fraud-drift",
        "Windows of predictions against their reference.",
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
        number("Score", "Share of features over their threshold in the last window.", "percentunit", query("max(data_drift_score)")),
        number(
            "Age of the last window",
            "Since its last prediction was sent. Red: ReportsLate, if transactions are flowing.",
            "s",
            query("time() - max(fraud_drift_window_end_timestamp_seconds)"),
            above(900, 1800),
        ),
        number("Windows", "Closed in the time shown.", "short", now("sum(increase(fraud_drift_windows_total[$__range]))")),
        number(
            "Reports skipped",
            "Windows without a report in the time shown, because the last one was still being written. Their verdict stands.",
            "short",
            now("sum(increase(fraud_drift_reports_skipped_total[$__range]))"),
            above(0.5, 10),
        ),
        number(
            "Distance of the scores",
            "Of the model's margin from its reference, in standard deviations.",
            "none",
            query('max(fraud_drift_distance{feature="margin"})'),
            _DISTANCE,
        ),
    ]


def _over_time() -> Panels:
    thirds = [
        lines(
            "Score", "Share of features over their threshold, window by window.", "percentunit", query("max(data_drift_score)", "score")
        ).max(1),
        lines("Detected", "1 while the last window's verdict is drift.", "none", query("max(data_drift_detected)", "detected")).max(1),
        lines(
            "Late events",
            "Predictions whose event time was before that of their window, in the last five minutes. Always 0 where windows are by count.",
            "short",
            query("sum(increase(fraud_drift_late_events_total[5m]))", "late"),
        ),
    ]
    return [panel.span(THIRD) for panel in thirds]


def _features() -> Panels:
    distance = f"max by (feature) (fraud_drift_distance{{{_FEATURE}}})"
    return [
        grid(
            "Distance by feature",
            "Distance from the reference, in standard deviations. One row that turns red: an input. All at a certain hour: the rhythm.",
            "none",
            query(distance, "{{feature}}"),
            _DISTANCE,
        ),
        bars(
            "Farthest features",
            "The five farthest in the last window.",
            "none",
            now(f"sort_desc(topk(5, {distance}))", "{{feature}}"),
            _DISTANCE,
        ).data_links([reports()]),
        lines(
            "Farthest over time",
            "The five farthest at each moment.",
            "none",
            query(f"topk(5, {distance})", "{{feature}}"),
            limits=_DISTANCE,
        ),
    ]
