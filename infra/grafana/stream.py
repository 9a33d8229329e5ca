"""Dashboard Stream: whether it works, is fast enough, and nothing waits or fails."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from infra.grafana.frame import Panels, make_choice, make_dashboard
from infra.grafana.panels import (
    HALF,
    SMALL,
    THIRD,
    draw_lines,
    draw_number,
    limit_above,
    limit_below,
    query,
    query_now,
)

_WORKER = 'instance=~"$worker"'
_OBJECTIVE = limit_above(0.1, 1)  # seconds: the objective in recording.yml, and ten times it
_WAITING = limit_above(5, 30)  # seconds: deserves a look, and the alert LagHigh


def build() -> Dashboard:
    """Return the dashboard."""
    return make_dashboard(
        "Stream",
        "fraud-stream",
        "The scorer: transactions in, predictions out.",
        [make_choice("worker", "Worker", 'label_values(up{job="scorer"}, instance)')],
        {
            "Now": _show_figures(),
            "Throughput": _show_throughput(),
            "Latency": _show_latency(),
            "Waiting": _show_waiting(),
            "Faults": _show_faults(),
        },
    )


def _query_quantile(share: float, metric: str) -> str:
    rate = f"rate({metric}_bucket{{{_WORKER}}}[$__rate_interval])"
    return f"histogram_quantile({share}, sum by (le) ({rate}))"


def _show_figures() -> Panels:
    return [
        draw_number(
            "Rate", "Transactions per second, scored or rejected.", "ops", query(_query_rate())
        ),
        draw_number(
            "p99",
            "99% of predictions are committed within this time of the record's timestamp. "
            "Orange: over the objective of 100 ms.",
            "s",
            query(_query_quantile(0.99, "fraud_end_to_end_seconds")),
            _OBJECTIVE,
        ),
        draw_number(
            "Oldest lag",
            "Age of the last scored record while others wait, worst partition. Red: LagHigh.",
            "s",
            query(f"max(fraud_consumer_lag_seconds{{{_WORKER}}})"),
            _WAITING,
        ),
        draw_number(
            "Workers",
            "Worker processes that are up. Orange: only one, with no other to take over.",
            "none",
            query(f"sum(fraud_workers{{{_WORKER}}})"),
            limit_below(1, 2),
        ),
        draw_number(
            "Restarts",
            "Restarts of dead workers in the time shown. Five in a minute end the scorer.",
            "short",
            query_now(f"sum(increase(fraud_worker_restarts_total{{{_WORKER}}}[$__range]))"),
            limit_above(0.5, 4.5),
        ),
        draw_number(
            "Dead letters",
            "Messages rejected without a score in the time shown. `fraud dlq list` shows them. "
            "Red: from here on DeadLettersRising may fire.",
            "short",
            query_now(f"sum(increase(fraud_dead_letters_total{{{_WORKER}}}[$__range]))"),
            limit_above(0.5, 10),
        ),
    ]


def _query_rate(by: str = "") -> str:
    return f"sum{by}(rate(fraud_transactions_total{{{_WORKER}}}[$__rate_interval]))"


def _show_throughput() -> Panels:
    mean = " / ".join(
        f"sum(rate(fraud_batch_size_{part}{{{_WORKER}}}[$__rate_interval]))"
        for part in ("sum", "count")
    )
    return [
        draw_lines(
            "Rate by outcome",
            "Transactions per second by decision. A gap: nothing arrived or nothing was committed; "
            "look at the lag.",
            "ops",
            query(_query_rate(" by (outcome) "), "{{outcome}}"),
            stacked=True,
        ),
        draw_lines(
            "Batch size",
            "Records committed at once. A few: the scorer waits for records. Thousands (at most "
            "4,096): it is at full speed.",
            "short",
            query(mean, "mean"),
            query(_query_quantile(0.95, "fraud_batch_size"), "p95"),
        ),
    ]


def _show_latency() -> Panels:
    late = [
        query(f"fraud:late_predictions:ratio_rate{window}", window) for window in ("5m", "1h", "6h")
    ]
    return [
        draw_lines(
            "End to end",
            "From the record's timestamp to the committed prediction. Dashed: the objective for "
            "p99, and ten times it.",
            "s",
            *(
                query(_query_quantile(share, "fraud_end_to_end_seconds"), f"p{share * 100:g}")
                for share in (0.5, 0.95, 0.99)
            ),
            limits=_OBJECTIVE,
        ).span(THIRD),
        draw_lines(
            "Scoring a batch",
            "Decoding, scoring, explaining and encoding. If this is small but the total is not, "
            "the time is spent on commits or waiting.",
            "s",
            *(
                query(_query_quantile(share, "fraud_scoring_seconds"), f"p{share * 100:g}")
                for share in (0.5, 0.99)
            ),
        ).span(THIRD),
        draw_lines(
            "Later than 100 ms",
            "Share of predictions over the objective. Dashed: burn rates 6 and 14.4, from which "
            "alerts fire.",
            "percentunit",
            *late,
            limits=limit_above(0.06, 0.144),
        ).span(THIRD),
    ]


def _show_waiting() -> Panels:
    return [
        draw_lines(
            "Lag by partition",
            "Records that wait. One line far above the others: a hot key or a stalled partition. "
            "All high: too little capacity.",
            "short",
            query(f"max by (partition) (fraud_consumer_lag{{{_WORKER}}})", "{{partition}}"),
        ),
        draw_lines(
            "Lag in seconds by partition",
            "Age of the last scored record while others wait. A rise of one second per second: "
            "nothing is committed there.",
            "s",
            query(f"max by (partition) (fraud_consumer_lag_seconds{{{_WORKER}}})", "{{partition}}"),
            limits=_WAITING,
        ),
    ]


def _show_faults() -> Panels:
    return [
        draw_lines(
            "Dead letters by kind",
            "Messages rejected per second. Malformed or invalid: a producer's error. "
            "scoring_failed: a bug in the scorer.",
            "ops",
            query(
                f"sum by (kind) (rate(fraud_dead_letters_total{{{_WORKER}}}[$__rate_interval]))",
                "{{kind}}",
            ),
            stacked=True,
        ),
        draw_lines(
            "Workers up",
            "1 for each worker that answers.",
            "none",
            query(f"sum by (instance) (fraud_workers{{{_WORKER}}})", "{{instance}}"),
        ).span(HALF - SMALL - 2),
        draw_lines(
            "Restarts by worker",
            "Restarts of each worker since `fraud score` started.",
            "none",
            query(f"max by (instance) (fraud_worker_restarts_total{{{_WORKER}}})", "{{instance}}"),
        ).span(SMALL + 2),
    ]
