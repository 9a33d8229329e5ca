"""The curves of an evaluation as arrays, thinned to what a plot can show."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from model.training.thresholds import LabelledScores
from payments.arrays import Floats, Ints

POINTS = 600
BINS = 60


@dataclass(frozen=True)
class AlertCurves:
    """What each number of alerts a day would catch, all float64[k].

    `recall` and `money` are shares of the frauds and of their Amount, `ceiling` is the recall if
    every alert were a fraud, and `cost` is the cost of a day.
    """

    alerts_a_day: Floats
    recall: Floats
    ceiling: Floats
    money: Floats
    cost: Floats


@dataclass(frozen=True)
class ScoreHistogram:
    """Rows in bins of log10 of the odds p / (1 - p), by class; all arrays have one value a bin."""

    centres: Floats
    legitimate: Ints
    fraud: Ints


def trace_precision_recall(scored: LabelledScores) -> tuple[Floats, Floats]:
    """Return recall and precision, both float64[k]. Needs frauds among the rows."""
    precision, recall, _ = precision_recall_curve(
        scored.is_fraud, scored.probabilities, drop_intermediate=True
    )
    return recall, precision


def trace_roc(scored: LabelledScores) -> tuple[Floats, Floats]:
    """Return the false-positive rate and recall, both float64[k]. Needs rows of both classes."""
    false_positives, recall, _ = roc_curve(scored.is_fraud, scored.probabilities)
    return false_positives, recall


def trace_alerts(scored: LabelledScores, cost_review: float) -> AlertCurves:
    """Return the curves over the number of alerts. Needs frauds among the rows.

    A day costs `cost_review` for each alert and the Amount of each fraud without one.
    """
    order = np.argsort(-scored.probabilities, kind="stable")
    flagged = _thin(len(order))
    fraud = scored.is_fraud[order]
    lost = np.where(fraud, scored.amounts[order], 0.0)
    caught = np.append(0, np.cumsum(fraud))[flagged]
    saved = np.append(0.0, np.cumsum(lost))[flagged]
    days = scored.days
    frauds = int(fraud.sum())
    money = float(lost.sum())
    return AlertCurves(
        alerts_a_day=flagged / days,
        recall=caught / frauds,
        ceiling=np.minimum(flagged, frauds) / frauds,
        money=saved / money if money else np.zeros(len(flagged)),
        cost=(cost_review * flagged + money - saved) / days,
    )


def score_histogram(scored: LabelledScores) -> ScoreHistogram:
    """Count the scores of each class in BINS bins of equal width."""
    inside = np.clip(scored.probabilities, 1e-9, 1 - 1e-9)
    odds = np.log10(inside / (1 - inside))
    edges = np.linspace(odds.min(), odds.max() + 1e-9, BINS + 1)
    return ScoreHistogram(
        centres=(edges[1:] + edges[:-1]) / 2,
        legitimate=np.histogram(odds[~scored.is_fraud], edges)[0],
        fraud=np.histogram(odds[scored.is_fraud], edges)[0],
    )


def _thin(rows: int) -> Ints:
    """Return row counts from 0 to `rows`, dense at the start."""
    return np.unique(np.concatenate([[0], np.geomspace(1, rows, POINTS).round().astype(np.int64)]))
