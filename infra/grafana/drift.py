"""Dashboard Drift: whether the stream still matches the model's training data, and where not."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

from infra.grafana.frame import REPORTS, Panels, make_choice, make_dashboard
from infra.grafana.panels import (
    THIRD,
    draw_bars,
    draw_grid,
    draw_lines,
    draw_number,
    limit_above,
    map_verdict,
    query,
    query_now,
)

_FEATURE = 'feature=~"$feature"'
# Standard deviations of the windows before. 0.5: the shift of a mean that a window of 1,000 must
# detect; half of it deserves a look.
_DISTANCE = limit_above(0.25, 0.5)


def build() -> Dashboard:
    """Return the dashboard."""
    return make_dashboard(
        "Drift",
        "fraud-drift",
        "Windows of predictions compared with those before them, and with the model's reference.",
        [make_choice("feature", "Feature", "label_values(fraud_drift_distance, feature)")],
        {"Now": _show_figures(), "Over time": _show_over_time(), "Features": _show_features()},
    )


def link_reports() -> DashboardLink:
    """Return a link to the reports."""
    return DashboardLink("Reports").type(DashboardLinkType.LINK).url(REPORTS).target_blank(True)


def _show_figures() -> Panels:
    return [
        draw_number(
            "Drift",
            "The verdict on the last window. No data: no window has closed yet.",
            "none",
            query("max(data_drift_detected)"),
            limit_above(0.5, 1),
        )
        .mappings([map_verdict()])
        .data_links([link_reports()]),
        draw_number(
            "Score",
            "Share of features over their threshold in the last window, 0 to 1.",
            "none",
            query("max(data_drift_score)"),
        ).decimals(3),
        draw_number(
            "Age of the last window",
            "Time since its last prediction was sent. Red: ReportsLate, if transactions arrive.",
            "s",
            query("time() - max(fraud_drift_window_end_timestamp_seconds)"),
            limit_above(900, 1800),
        ),
        draw_number(
            "Windows",
            "Windows closed in the time shown.",
            "short",
            query_now("sum(increase(fraud_drift_windows_total[$__range]))"),
        ),
        draw_number(
            "Reports skipped",
            "Windows without a report in the time shown, because the last report was still being "
            "written or the monitor ended. Their verdicts are valid.",
            "short",
            query_now("sum(increase(fraud_drift_reports_skipped_total[$__range]))"),
            limit_above(0.5, 10),
        ),
        draw_number(
            "Distance of the scores",
            "Distance of the model's margin from the windows before, in standard deviations.",
            "none",
            query('max(fraud_drift_distance{feature="margin"})'),
            _DISTANCE,
        ),
    ]


def _show_over_time() -> Panels:
    thirds = [
        draw_lines(
            "Score",
            "Share of features over their threshold, window by window, 0 to 1.",
            "none",
            query("max(data_drift_score)", "score"),
        )
        .max(1)
        .decimals(3),
        draw_lines(
            "Detected",
            "1 while the last window counts as drifted.",
            "none",
            query("max(data_drift_detected)", "detected"),
        ).max(1),
        draw_lines(
            "Late events",
            "Predictions of the last five minutes whose event time was before their window. "
            "Always 0 for windows by count.",
            "short",
            query("sum(increase(fraud_drift_late_events_total[5m]))", "late"),
        ),
        draw_lines(
            "Severity",
            "0 ok, 1 warn, 2 alarm, with hysteresis: alarm from the second drifted window on. "
            "Lasting shift: ten windows away from the reference, 1 inputs only, 2 the scores.",
            "none",
            query("max(fraud_drift_severity)", "severity"),
            query("max(fraud_drift_reference_severity)", "lasting shift"),
        ).max(2),
        draw_lines(
            "Tail of the scores",
            "How surprising the number of high scores is, relative to its limit. From 1 on, "
            "the window has drifted, whatever its score.",
            "none",
            query("max(fraud_drift_tail)", "tail"),
            limits=limit_above(0.5, 1),
        ),
        draw_lines(
            "Alerts a day",
            "Alerts per day at the last window's rate, with its 95% interval, and the usual "
            "number by the model's reference. This implies no cause.",
            "short",
            query("max by (value) (fraud_drift_alerts_per_day)", "{{value}}"),
        ),
    ]
    return [panel.span(THIRD) for panel in thirds]


def _show_features() -> Panels:
    distance = f"max by (feature) (fraud_drift_distance{{{_FEATURE}}})"
    return [
        draw_grid(
            "Distance over its limit, by feature",
            "Distance from the windows before, relative to its limit; 1 or more counts as drift. "
            "One red row: an input. All rows at a certain hour: the daily rhythm.",
            "none",
            query(
                f"{distance} / max by (feature) (fraud_drift_limit{{{_FEATURE}}})", "{{feature}}"
            ),
            limit_above(0.8, 1),
        ),
        draw_bars(
            "What weighs most",
            "The five features of the last window with the largest product of distance and the "
            "model's reliance on them.",
            "none",
            query_now(
                f"sort_desc(max by (feature) (fraud_drift_weight{{{_FEATURE}}}))", "{{feature}}"
            ),
        ).data_links([link_reports()]),
        draw_lines(
            "Stuck at one value",
            "How much more often than before a feature has one value, relative to its limit. "
            "1 or more counts as drift.",
            "none",
            query(f"max by (feature) (fraud_drift_stuck{{{_FEATURE}}})", "{{feature}}"),
            limits=limit_above(0.5, 1),
        ),
        draw_lines(
            "Farthest over time",
            "The five farthest features at each time.",
            "none",
            query(f"topk(5, {distance})", "{{feature}}"),
            limits=_DISTANCE,
        ),
        draw_lines(
            "Farthest from the model's reference",
            "The five features farthest from the model's reference at each time. The comparison "
            "above adapts to a lasting drift after ten windows, this one does not.",
            "none",
            query(
                f"topk(5, max by (feature) (fraud_drift_reference_distance{{{_FEATURE}}}))",
                "{{feature}}",
            ),
        ),
    ]
