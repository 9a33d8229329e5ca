"""The curves of an evaluation: arrays to be drawn, thinned to what an eye can tell apart."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from model.intervals import Floats
from model.training.thresholds import TRANSACTIONS_A_DAY, LabelledScores

POINTS = 600


@dataclass(frozen=True)
class AlertCurves:
    """What each number of alerts a day, float64[k], would catch: shares of the frauds and of their money, and the cost a day.

    `ceiling` is the recall if every alert were a fraud, as long as there are any.
    """

    alerts_a_day: Floats
    recall: Floats
    ceiling: Floats
    money: Floats
    cost: Floats


def precision_recall(scored: LabelledScores) -> tuple[Floats, Floats]:
    """Recall and precision, both float64[k], for rows with frauds among them."""
    precision, recall, _ = precision_recall_curve(
        scored.is_fraud, scored.probabilities, drop_intermediate=True
    )
    return recall, precision


def roc(scored: LabelledScores) -> tuple[Floats, Floats]:
    """False-positive rate and recall, both float64[k], for rows of both classes."""
    false_positives, recall, _ = roc_curve(scored.is_fraud, scored.probabilities)
    return false_positives, recall


def alert_curves(scored: LabelledScores, cost_review: float) -> AlertCurves:
    """For rows with frauds among them. A day costs `cost_review` an alert, and the Amount of each fraud that is no alert."""
    order = np.argsort(-scored.probabilities, kind="stable")
    flagged = _thinned(len(order))
    fraud = scored.is_fraud[order]
    lost = np.where(fraud, scored.amounts[order], 0.0)
    caught, saved = (
        np.append(0, np.cumsum(fraud))[flagged],
        np.append(0.0, np.cumsum(lost))[flagged],
    )
    days = len(order) / TRANSACTIONS_A_DAY
    frauds, money = int(fraud.sum()), float(lost.sum())
    return AlertCurves(
        alerts_a_day=flagged / days,
        recall=caught / frauds,
        ceiling=np.minimum(flagged, frauds) / frauds,
        money=saved / money if money else np.zeros(len(flagged)),
        cost=(cost_review * flagged + money - saved) / days,
    )


def _thinned(rows: int) -> NDArray[np.int64]:
    """Row counts from 0 to `rows`, dense where they are small."""
    return np.unique(np.concatenate([[0], np.geomspace(1, rows, POINTS).round().astype(np.int64)]))
