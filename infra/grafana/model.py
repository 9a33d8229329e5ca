"""Dashboard Model: what it decides, why, and whether the labels that are in agree."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from infra.grafana.frame import Panels, choice, dashboard
from infra.grafana.panels import bars, below, buckets, distribution, lines, name, now, number, query

_ALERTS = 'outcome=~"review|block"'
_FEATURE = 'feature=~"$feature"'
# Orange: under the interval that was measured at 100 alerts a day (docs/model.md: 0.742 to 0.990 and 0.147 to 0.333).
# Red: more alerts wrong than right; less than half of the interval's lower end.
_PRECISION = below(0.5, 0.742)
_RECALL = below(0.07, 0.147)


def build() -> Dashboard:
    """The dashboard as it is provisioned."""
    return dashboard(
        "Model",
        "fraud-model",
        "What the model decides, why, and how right it has been.",
        [choice("feature", "Feature", "label_values(fraud_alert_reasons_total, feature)")],
        {"Now": _figures(), "Scores": _scores(), "Reasons": _reasons(), "Labels": _labels()},
    )


def _share(over: str, by: str = "") -> str:
    alerts, every = (
        f"rate(fraud_transactions_total{{{which}}}[{over}])" for which in (_ALERTS, "")
    )
    return f"sum {by} ({alerts}) / ignoring (outcome) group_left () sum({every})"


def _figures() -> Panels:
    return [
        name(
            "Version",
            "The model in use. Two at a time: workers are being changed over, or were started with different ones.",
            query("max by (version) (fraud_model_info)", "{{version}}"),
        ),
        number(
            "Alert rate",
            "Share of transactions to be reviewed or blocked, in the time shown.",
            "percentunit",
            now(_share("$__range")),
        ),
        number(
            "Alerts in an hour",
            "In the last hour. AlertVolumeUnusual compares it with the last day.",
            "short",
            query("fraud:alerts:increase1h"),
        ),
        number(
            "Precision",
            "Share of alerts that were frauds, where labels are in and old enough.",
            "percentunit",
            query("max(fraud_label_precision)"),
            _PRECISION,
        ),
        number(
            "Recall",
            "Share of labelled frauds that became alerts. Analysts' labels exist for alerts only and do not count here.",
            "percentunit",
            query("max(fraud_label_recall)"),
            _RECALL,
        ),
        number(
            "Labelled",
            "Share of the transactions behind precision and recall whose label is in: what the two are worth.",
            "percentunit",
            query("max(fraud_labelled_share)"),
            below(0.5, 0.9),
        ),
    ]


def _scores() -> Panels:
    return [
        distribution(
            "Probability of fraud",
            "Predictions by probability. Nearly all lie at the bottom; a band that moves up is a change of the model or of the stream.",
            buckets("sum by (le) (increase(fraud_probability_bucket[$__rate_interval]))"),
        ),
        lines(
            "Alert rate",
            "Share of transactions by decision.",
            "percentunit",
            query(
                _share("$__rate_interval", "by (outcome)"),
                "{{outcome}}",
            ),
            stacked=True,
        ),
        lines(
            "Alerts in an hour, and as usual",
            "Alerts of the last hour, and how many the last day's share gives for as many transactions.",
            "short",
            query("fraud:alerts:increase1h", "alerts"),
            query("fraud:usual_alerts:increase1h", "usual"),
        ),
    ]


def _reasons() -> Panels:
    counts = f"sum by (feature) (increase(fraud_alert_reasons_total{{{_FEATURE}}}[$__range]))"
    return [
        bars(
            "Reasons by feature",
            "How often a feature was among an alert's five reasons, in the time shown. The ten most frequent.",
            "short",
            now(f"sort_desc(topk(10, {counts}))", "{{feature}}"),
        ),
        lines(
            "Reasons over time",
            "Reasons a second. A feature that takes the lead: another pattern of fraud, or a broken input; compare with Drift.",
            "ops",
            query(
                f"sum by (feature) (rate(fraud_alert_reasons_total{{{_FEATURE}}}[$__rate_interval]))",
                "{{feature}}",
            ),
        ),
    ]


def _labels() -> Panels:
    return [
        lines(
            "Precision and recall",
            "Over windows older than the label horizon, with the ends of 95 % intervals, and the share that is labelled.",
            "percentunit",
            query("max(fraud_label_precision)", "precision"),
            query("max(fraud_label_precision_low)", "precision, at least"),
            query("max(fraud_label_precision_high)", "precision, at most"),
            query("max(fraud_label_recall)", "recall"),
            query("max(fraud_label_recall_low)", "recall, at least"),
            query("max(fraud_label_recall_high)", "recall, at most"),
            query("max(fraud_labelled_share)", "labelled share"),
        ).max(1),
        lines(
            "Frauds",
            "By their labels, in up to twenty windows older than the label horizon. FraudsRising fires with a rise.",
            "short",
            query('sum by (decision) (fraud_label_payments{truth="fraud"})', "{{decision}}"),
            query("sum(increase(fraud_label_fraud_rises_total[10m]))", "rises"),
            query("max(fraud_label_frauds_rose)", "the last window is a rise"),
        ),
    ]
