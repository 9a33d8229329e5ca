"""The HTML page of a judgement: the headline first, then each number with its interval, then the curves."""

import numpy as np
import plotly.graph_objects as go  # type: ignore[import-untyped]

from model.evaluation import curves
from model.evaluation.assessment import Assessment, BaselineResult
from model.evaluation.evaluate import Evaluation
from model.intervals import LEVEL, RESAMPLES, Floats, wilson_interval
from model.reports import evaluation_text as text
from model.reports.html import COLOURS, document, heading, paragraph, plot, table
from model.training.thresholds import TRANSACTIONS_A_DAY, LabelledScores

# What looking at an alert costs in the cost curve, in the currency of Amount: an assumption, and the page says so.
COST_REVIEW = 5.0
_BINS = 60


def render_page(judged: Assessment, baselines: dict[str, BaselineResult] | None) -> str:
    """The whole page as HTML that loads nothing."""
    found = judged.evaluation
    first, *rest = text.headline(judged)
    parts = [
        paragraph(first, "lead"),
        paragraph(" ".join([*rest, text.describe_blocked(found.block)])),
        paragraph(text.describe_rows(judged)),
        heading("Metrics"),
        table(text.METRIC_HEAD, text.metric_rows(judged)),
        paragraph(
            f"In brackets: {LEVEL:.0%} intervals; Wilson's for precision and recall at a threshold, else percentiles of {RESAMPLES:,} "
            "bootstrap samples. A dash stands for what does not exist without rows of both classes.",
            "note",
        ),
        *_baselines(judged, baselines),
        heading("Alerts a day and recall"),
        table(text.CAPACITY_HEAD, text.capacity_rows(found)),
        paragraph(
            f"Scaled to {TRANSACTIONS_A_DAY:,} transactions a day. The ceiling is the recall if every alert were a fraud; the table fills "
            "each capacity with the highest scores of these very rows, which nobody knows beforehand.",
            "note",
        ),
        *(_curves(judged) if found.frauds else []),
        heading("Money"),
        paragraph(text.describe_money(found)),
        *(_cost(judged.scored) if found.frauds else []),
        heading("Scores"),
        _histogram(judged.scored),
        _reliability(found),
    ]
    return document(f"Model {judged.version} on {judged.sample.name}", parts)


def _baselines(judged: Assessment, baselines: dict[str, BaselineResult] | None) -> list[str]:
    if baselines is None:
        return []
    return [
        heading("Beside others"),
        table(text.BASELINE_HEAD, text.baseline_rows(judged, baselines)),
        paragraph(
            "Each fitted on the same rows and judged on the same folds and rows. The lead is the difference in average precision on the "
            "same bootstrap samples: above 0 with its whole interval, the model is better on rows like these.",
            "note",
        ),
    ]


def _curves(judged: Assessment) -> list[str]:
    found, scored = judged.evaluation, judged.scored
    by_alerts = curves.alert_curves(scored, COST_REVIEW)
    shown = slice(1, None)  # the axis is logarithmic, and begins at one alert
    days = by_alerts.alerts_a_day[shown]
    recall, precision = curves.precision_recall(scored)
    parts = [
        plot(
            [
                _line(days, by_alerts.recall[shown], "recall", COLOURS["fraud"]),
                _line(
                    days,
                    by_alerts.money[shown],
                    "share of the frauds' money",
                    COLOURS["legitimate"],
                ),
                _line(days, by_alerts.ceiling[shown], "ceiling of recall", COLOURS["other"]),
                _point(
                    found.review.alerts_a_day, found.review.recall.value, "review, as really raised"
                ),
            ],
            "What more alerts would catch",
            "alerts a day",
            "share",
            xaxis_type="log",
        ),
        heading("Curves"),
        plot(
            [
                _line(recall, precision, "precision", COLOURS["fraud"]),
                _point(found.review.recall.value, found.review.precision.value, "review"),
                _point(found.block.recall.value, found.block.precision.value, "block"),
            ],
            "Precision and recall",
            "recall",
            "precision",
        ),
    ]
    if found.frauds < found.rows:
        false_positives, caught = curves.roc(scored)
        parts.append(
            plot(
                [
                    _line(
                        np.maximum(false_positives, 1 / found.rows),
                        caught,
                        "recall",
                        COLOURS["fraud"],
                    )
                ],
                "ROC, the false-positive rate on a logarithmic axis: where a scorer works",
                "false-positive rate",
                "recall",
                xaxis_type="log",
            )
        )
    return parts


def _cost(scored: LabelledScores) -> list[str]:
    by_alerts = curves.alert_curves(scored, COST_REVIEW)
    shown = slice(1, None)
    return [
        plot(
            [
                _line(
                    by_alerts.alerts_a_day[shown],
                    by_alerts.cost[shown],
                    "cost a day",
                    COLOURS["fraud"],
                )
            ],
            f"Cost a day: {COST_REVIEW:g} for each alert (an assumption), the Amount for each fraud that is none",
            "alerts a day",
            "cost a day, in the currency of Amount",
            xaxis_type="log",
            yaxis_type="log",
        )
    ]


def _histogram(scored: LabelledScores) -> str:
    edges_of = np.clip(scored.probabilities, 1e-9, 1 - 1e-9)
    odds = np.log10(edges_of / (1 - edges_of))
    edges = np.linspace(odds.min(), odds.max() + 1e-9, _BINS + 1)
    bars = [
        go.Bar(
            x=(edges[1:] + edges[:-1]) / 2,
            y=np.histogram(odds[rows], edges)[0],
            name=name,
            marker_color=COLOURS[name],
            opacity=0.7,
        )
        for name, rows in (("legitimate", ~scored.is_fraud), ("fraud", scored.is_fraud))
    ]
    return plot(
        bars,
        "Scores by class",
        "log10 of the odds p / (1 - p)",
        "rows",
        yaxis_type="log",
        barmode="overlay",
    )


def _reliability(found: Evaluation) -> str:
    groups = found.reliability
    shares = [wilson_interval(group.frauds, group.rows) for group in groups]
    low, high = (
        np.array([getattr(share, side) for share in shares], np.float64) for side in ("low", "high")
    )
    said, true = (
        np.array([group.mean_probability for group in groups]),
        np.array([group.frauds / group.rows for group in groups]),
    )
    bars = {"type": "data", "symmetric": False, "array": high - true, "arrayminus": true - low}
    traces = [
        go.Scatter(
            x=said,
            y=true,
            error_y=bars,
            mode="markers",
            name="groups of rows",
            text=[f"{group.rows:,} rows" for group in groups],
        ),
        _line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), "said is true", COLOURS["other"]),
    ]
    return plot(
        traces,
        "Reliability: what was said, and what was true",
        "mean probability",
        "share of frauds",
    )


def _line(x: Floats, y: Floats, name: str, colour: str) -> go.Scatter:
    return go.Scatter(x=x, y=y, mode="lines", name=name, line={"color": colour})


def _point(x: float | None, y: float | None, name: str) -> go.Scatter:
    return go.Scatter(
        x=[x], y=[y], mode="markers", name=name, marker={"size": 10, "symbol": "diamond"}
    )
