"""Dashboard Model: its decisions, their reasons, and its quality by the labels."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from infra.grafana.frame import Panels, make_choice, make_dashboard
from infra.grafana.panels import (
    THIRD,
    draw_bars,
    draw_distribution,
    draw_lines,
    draw_number,
    limit_below,
    name,
    query,
    query_buckets,
    query_now,
)

_ALERTS = 'outcome=~"review|block"'
_FEATURE = 'feature=~"$feature"'
# Orange: below all cuts of the default model's card (MODEL_CARD.md, Thresholds on later rows).
# Red: most alerts are wrong; less than half of the lowest cut.
_PRECISION = limit_below(0.5, 0.683)
_RECALL = limit_below(0.362, 0.723)


def build() -> Dashboard:
    """Return the dashboard."""
    return make_dashboard(
        "Model",
        "fraud-model",
        "What the model decides, why, and how often it was right.",
        [make_choice("feature", "Feature", "label_values(fraud_alert_reasons_total, feature)")],
        {
            "Now": _show_figures(),
            "Scores": _show_scores(),
            "Reasons": _show_reasons(),
            "Labels": _show_labels(),
        },
    )


def _query_share(over: str, by: str = "") -> str:
    alerts, every = (
        f"rate(fraud_transactions_total{{{which}}}[{over}])" for which in (_ALERTS, "")
    )
    return f"sum {by} ({alerts}) / ignoring (outcome) group_left () sum({every})"


def _show_figures() -> Panels:
    return [
        name(
            "Version",
            "The model in use. Two at once: workers are being replaced, or run different models.",
            query("max by (version) (fraud_model_info)", "{{version}}"),
        ),
        draw_number(
            "Alert rate",
            "Share of transactions to review or block, in the time shown.",
            "percentunit",
            query_now(_query_share("$__range")),
        ),
        draw_number(
            "Alerts in an hour",
            "Alerts of the last hour. AlertVolumeUnusual compares them with the last day.",
            "short",
            query("fraud:alerts:increase1h"),
        ),
        draw_number(
            "Precision",
            "Share of alerts that were frauds, by labels old enough.",
            "percentunit",
            query("max(fraud_label_precision)"),
            _PRECISION,
        ),
        draw_number(
            "Recall",
            "Share of labelled frauds that became alerts. Analysts' labels are ignored, because "
            "they exist for alerts only.",
            "percentunit",
            query("max(fraud_label_recall)"),
            _RECALL,
        ),
        draw_number(
            "Labelled",
            "Share of the transactions behind precision and recall that have a label: how reliable "
            "the two are.",
            "percentunit",
            query("max(fraud_labelled_share)"),
            limit_below(0.5, 0.9),
        ),
    ]


def _show_scores() -> Panels:
    return [
        draw_distribution(
            "Probability of fraud",
            "Predictions by probability. Nearly all are at the bottom; a band that moves up means "
            "that the model or the stream changed.",
            query_buckets("sum by (le) (increase(fraud_probability_bucket[$__rate_interval]))"),
        ),
        draw_lines(
            "Alert rate",
            "Share of transactions by decision.",
            "percentunit",
            query(
                _query_share("$__rate_interval", "by (outcome)"),
                "{{outcome}}",
            ),
            stacked=True,
        ).span(THIRD),
        draw_lines(
            "Alerts in an hour, and as usual",
            "Alerts of the last hour, and the number expected from the last day's share of alerts.",
            "short",
            query("fraud:alerts:increase1h", "alerts"),
            query("fraud:usual_alerts:increase1h", "usual"),
        ).span(THIRD),
        draw_lines(
            "Budget used",
            "Alerts of the last half day, relative to the model's budget for its payments; without "
            "a budget, to what its card expects. BudgetExceeded and BudgetUnused fire outside of "
            "the range of the card's cuts.",
            "percentunit",
            query("fraud:budget_used:ratio12h", "used"),
            query("max(fraud_card_alert_share_low) / max(fraud_card_alert_share)", "lowest cut"),
            query("max(fraud_card_alert_share_high) / max(fraud_card_alert_share)", "highest cut"),
        ).span(THIRD),
    ]


def _show_reasons() -> Panels:
    counts = f"sum by (feature) (increase(fraud_alert_reasons_total{{{_FEATURE}}}[$__range]))"
    return [
        draw_bars(
            "Reasons by feature",
            "How often a feature was among an alert's five reasons in the time shown: the ten most "
            "frequent.",
            "short",
            query_now(f"sort_desc(topk(10, {counts}))", "{{feature}}"),
        ),
        draw_lines(
            "Reasons over time",
            "Reasons per second. A feature that takes the lead: a new pattern of fraud or a broken "
            "input; compare with Drift.",
            "ops",
            query(
                f"sum by (feature) "
                f"(rate(fraud_alert_reasons_total{{{_FEATURE}}}[$__rate_interval]))",
                "{{feature}}",
            ),
        ),
    ]


def _show_labels() -> Panels:
    return [
        draw_lines(
            "Precision and recall",
            "Over windows older than the label horizon, with 95% intervals, and the share that is "
            "labelled.",
            "percentunit",
            query("max(fraud_label_precision)", "precision"),
            query("max(fraud_label_precision_low)", "precision, at least"),
            query("max(fraud_label_precision_high)", "precision, at most"),
            query("max(fraud_label_recall)", "recall"),
            query("max(fraud_label_recall_low)", "recall, at least"),
            query("max(fraud_label_recall_high)", "recall, at most"),
            query("max(fraud_labelled_share)", "labelled share"),
            query("max(fraud_card_recall_low)", "recall on the card, lowest"),
        ).max(1),
        draw_lines(
            "Frauds",
            "Labelled frauds in up to twenty windows older than the label horizon. FraudsRising "
            "fires on a rise.",
            "short",
            query('sum by (decision) (fraud_label_payments{truth="fraud"})', "{{decision}}"),
            query("sum(increase(fraud_label_fraud_rises_total[10m]))", "rises"),
            query("max(fraud_label_frauds_rose)", "the last window is a rise"),
        ),
    ]
