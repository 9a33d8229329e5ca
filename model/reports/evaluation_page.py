"""The HTML page of an assessment."""

import numpy as np
import plotly.graph_objects as go

from model.evaluation import curves
from model.evaluation.assessment import Assessment
from model.evaluation.comparison import BaselineResult
from model.evaluation.curves import AlertCurves
from model.evaluation.evaluate import Evaluation
from model.intervals import LEVEL, RESAMPLES
from model.reports import evaluation_text as text
from model.reports.plots import COLOURS, plot, read_plotly_script
from model.reports.rendering import render
from model.training.thresholds import LabelledScores
from payments.arrays import Floats

# Assumed cost of reviewing an alert in the cost curve, in the currency of Amount. The page says so.
COST_REVIEW = 5.0


def render_page(assessment: Assessment, baselines: dict[str, BaselineResult] | None) -> str:
    """Return the page as HTML that loads nothing."""
    evaluation = assessment.evaluation
    return render(
        "evaluation.html.j2",
        title=f"Model {assessment.version} on {assessment.sample.name}",
        plotly=read_plotly_script(),
        text=text,
        assessment=assessment,
        evaluation=evaluation,
        baselines=baselines,
        headline=text.summarize(assessment),
        level=LEVEL,
        resamples=RESAMPLES,
        plots={
            **(_plot_curves(assessment) if evaluation.frauds else {}),
            "histogram": _plot_histogram(assessment.scored),
            "reliability": _plot_reliability(evaluation),
        },
    )


def _plot_curves(assessment: Assessment) -> dict[str, str]:
    """Return the plots that need frauds among the rows."""
    evaluation = assessment.evaluation
    alerts = curves.trace_alerts(assessment.scored, COST_REVIEW)
    plots = {
        "alerts": _plot_alerts(alerts, evaluation),
        "precision_recall": _plot_precision_recall(assessment.scored, evaluation),
        "cost": _plot_cost(alerts),
    }
    if evaluation.frauds < evaluation.rows:
        plots["roc"] = _plot_roc(assessment.scored)
    return plots


def _plot_alerts(alerts: AlertCurves, evaluation: Evaluation) -> str:
    days = alerts.alerts_a_day[1:]  # without zero alerts, because the axis is logarithmic
    review = evaluation.review
    return plot(
        [
            _draw_line(days, alerts.recall[1:], "recall", COLOURS["fraud"]),
            _draw_line(days, alerts.money[1:], "share of the frauds' money", COLOURS["legitimate"]),
            _draw_line(days, alerts.ceiling[1:], "ceiling of recall", COLOURS["other"]),
            _draw_point(review.alerts_a_day, review.recall.value, "review, as raised"),
        ],
        "What more alerts would catch",
        "alerts a day",
        "share",
        xaxis_type="log",
    )


def _plot_precision_recall(scored: LabelledScores, evaluation: Evaluation) -> str:
    recall, precision = curves.trace_precision_recall(scored)
    review = evaluation.review
    block = evaluation.block
    return plot(
        [
            _draw_line(recall, precision, "precision", COLOURS["fraud"]),
            _draw_point(review.recall.value, review.precision.value, "review"),
            _draw_point(block.recall.value, block.precision.value, "block"),
        ],
        "Precision and recall",
        "recall",
        "precision",
    )


def _plot_roc(scored: LabelledScores) -> str:
    false_positives, recall = curves.trace_roc(scored)
    shown = np.maximum(false_positives, 1 / len(scored.is_fraud))
    return plot(
        [_draw_line(shown, recall, "recall", COLOURS["fraud"])],
        "ROC, with the false-positive rate on a logarithmic axis",
        "false-positive rate",
        "recall",
        xaxis_type="log",
    )


def _plot_cost(alerts: AlertCurves) -> str:
    return plot(
        [_draw_line(alerts.alerts_a_day[1:], alerts.cost[1:], "cost a day", COLOURS["fraud"])],
        f"Cost a day: {COST_REVIEW:g} for each alert (assumed), the Amount for each missed fraud",
        "alerts a day",
        "cost a day, in the currency of Amount",
        xaxis_type="log",
        yaxis_type="log",
    )


def _plot_histogram(scored: LabelledScores) -> str:
    histogram = curves.score_histogram(scored)
    bars = [
        go.Bar(x=histogram.centres, y=counts, name=name, marker_color=COLOURS[name], opacity=0.7)
        for name, counts in (("legitimate", histogram.legitimate), ("fraud", histogram.fraud))
    ]
    return plot(
        bars,
        "Scores by class",
        "log10 of the odds p / (1 - p)",
        "rows",
        yaxis_type="log",
        barmode="overlay",
    )


def _plot_reliability(evaluation: Evaluation) -> str:
    groups = evaluation.reliability
    predicted = np.array([group.mean_probability for group in groups])
    shares = [group.fraud_share for group in groups]
    actual, low, high = (
        np.array([getattr(share, bound) for share in shares], np.float64)
        for bound in ("value", "low", "high")
    )
    bars = {"type": "data", "symmetric": False, "array": high - actual, "arrayminus": actual - low}
    groups_of_rows = go.Scatter(
        x=predicted,
        y=actual,
        error_y=bars,
        mode="markers",
        name="groups of rows",
        text=[f"{group.rows:,} rows" for group in groups],
    )
    diagonal = np.array([0.0, 1.0])
    return plot(
        [groups_of_rows, _draw_line(diagonal, diagonal, "perfect calibration", COLOURS["other"])],
        "Reliability: predicted and actual share of frauds",
        "mean probability",
        "share of frauds",
    )


def _draw_line(x: Floats, y: Floats, name: str, colour: str) -> go.Scatter:
    return go.Scatter(x=x, y=y, mode="lines", name=name, line={"color": colour})


def _draw_point(x: float | None, y: float | None, name: str) -> go.Scatter:
    return go.Scatter(
        x=[x], y=[y], mode="markers", name=name, marker={"size": 10, "symbol": "diamond"}
    )
