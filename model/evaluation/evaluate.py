"""What a model is worth on labelled rows: alerts at the capacity that it was set up for, and metrics with intervals."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.evaluation.ranking import Ranking
from model.intervals import (
    RESAMPLES,
    Floats,
    Interval,
    bootstrap,
    percentile_interval,
    wilson_interval,
)
from model.training import calibration
from model.training.thresholds import TRANSACTIONS_A_DAY, LabelledScores, Outcome, apply_threshold
from payments.contract import Thresholds

CAPACITIES = (
    10,
    25,
    50,
    100,
    200,
    500,
    1000,
)  # alerts a day: from one analyst's side task to a department
LARGEST = 10


@dataclass(frozen=True)
class Alerts:
    """What a threshold flags: the counts, their shares (Wilson's intervals), and the share of the frauds' money (bootstrap).

    `alerts_a_day` is the number flagged, scaled to TRANSACTIONS_A_DAY.
    """

    threshold: float
    flagged: int
    caught: int
    frauds: int
    alerts_a_day: float
    precision: Interval
    recall: Interval
    money: Interval


@dataclass(frozen=True)
class CapacityPoint:
    """As many rows as fit into `alerts_a_day`, the highest scores first: what they catch, and at most could (`ceiling`)."""

    alerts_a_day: float
    rows: int
    flagged: int
    caught: int
    recall: float | None
    ceiling: float | None
    of_ceiling: float | None


@dataclass(frozen=True)
class Money:
    """In the currency of Amount. `largest` counts the largest frauds, at most LARGEST; their share of the frauds' money; those flagged."""

    frauds: float
    caught: float
    largest: int
    largest_share: float | None
    largest_caught: int


@dataclass(frozen=True)
class Metrics:
    """Each over all thresholds, with bootstrap intervals: see `model.evaluation.ranking`; brier is the mean squared error of the probability."""

    auprc: Interval
    roc_auc: Interval
    recall_at_fpr_1pct: Interval
    recall_at_precision_90: Interval
    brier: Interval


@dataclass(frozen=True)
class Evaluation:
    """The judgement of `rows` rows, `days` of TRANSACTIONS_A_DAY. `room`: at the capacity asked for; `rooms`: at CAPACITIES."""

    rows: int
    frauds: int
    days: float
    review: Alerts
    block: Alerts
    room: CapacityPoint
    metrics: Metrics
    money: Money
    rooms: list[CapacityPoint]
    reliability: list[calibration.ReliabilityBin]


def evaluate(
    scored: LabelledScores,
    thresholds: Thresholds,
    alerts_a_day: float | None,
    resamples: int = RESAMPLES,
    progress: Callable[[int], None] = lambda _: None,
) -> Evaluation:
    """Judges at least one scored row; what does not exist, such as a recall without frauds, is None. `progress`: samples done.

    `alerts_a_day` is the capacity that `review` was chosen for; None, where it was not: then the alerts really raised are.
    """
    statistic = _statistic(scored, thresholds)
    values = statistic(np.ones(len(scored.is_fraud)))
    samples = bootstrap(len(scored.is_fraud), statistic, resamples, progress=progress)
    intervals = [
        percentile_interval(value, column) for value, column in zip(values, samples.T, strict=True)
    ]
    metrics, review_money, block_money = intervals[:-2], *intervals[-2:]
    review = _alerts(scored, thresholds.review, review_money)
    return Evaluation(
        rows=len(scored.is_fraud),
        frauds=int(scored.is_fraud.sum()),
        days=len(scored.is_fraud) / TRANSACTIONS_A_DAY,
        review=review,
        block=_alerts(scored, thresholds.block, block_money),
        room=measure_capacity(
            scored, review.alerts_a_day if alerts_a_day is None else alerts_a_day
        ),
        metrics=Metrics(*metrics),
        money=_money(scored, thresholds.review),
        rooms=[measure_capacity(scored, capacity) for capacity in CAPACITIES],
        reliability=calibration.reliability_bins(scored.probabilities, scored.is_fraud),
    )


def _statistic(scored: LabelledScores, thresholds: Thresholds) -> Callable[[Floats], Floats]:
    """The metrics in the order of Metrics, then the share of the frauds' money at or above `review`, and at or above `block`.

    Sums of products, not `@`: BLAS wakes a thread for each core, which costs fifteen times as much for vectors of this size.
    """
    ranking = Ranking(scored.probabilities, scored.is_fraud)
    error = (scored.probabilities - scored.is_fraud) ** 2
    frauds = np.flatnonzero(scored.is_fraud)
    lost, scores = scored.amounts[frauds], scored.probabilities[frauds]
    caught = [lost * (scores >= threshold) for threshold in (thresholds.review, thresholds.block)]

    def statistic(weights: Floats) -> Floats:
        drawn = weights[frauds]
        money = (drawn * lost).sum()
        shares = [(drawn * part).sum() / money if money else np.nan for part in caught]
        return np.array(
            [*ranking.metrics(weights), (weights * error).sum() / weights.sum(), *shares]
        )

    return statistic


def _alerts(scored: LabelledScores, threshold: float, money: Interval) -> Alerts:
    found = apply_threshold(scored, threshold)
    return Alerts(
        threshold=threshold,
        flagged=found.flagged,
        caught=found.caught,
        frauds=found.frauds,
        alerts_a_day=found.alerts_a_day,
        precision=wilson_interval(found.caught, found.flagged),
        recall=wilson_interval(found.caught, found.frauds),
        money=money,
    )


def measure_capacity(scored: LabelledScores, alerts_a_day: float) -> CapacityPoint:
    """What the highest scores catch when so many alerts a day can be looked at; rows of one score stay together."""
    rows = max(1, round(alerts_a_day * len(scored.is_fraud) / TRANSACTIONS_A_DAY))
    found = apply_threshold(scored, _highest(scored.probabilities, rows))
    ceiling = min(rows, found.frauds) / found.frauds if found.frauds else None
    return CapacityPoint(
        alerts_a_day,
        rows,
        found.flagged,
        found.caught,
        found.recall,
        ceiling,
        _of_ceiling(found, rows),
    )


def _of_ceiling(found: Outcome, rows: int) -> float | None:
    return found.caught / min(rows, found.frauds) if found.frauds else None


def _highest(scores: Floats, rows: int) -> float:
    """The lowest score that at most `rows` rows reach; infinity where the highest score is shared by more."""
    if rows >= len(scores):
        return float(scores.min())
    descending = -np.sort(-scores)
    above = descending[:rows][descending[:rows] > descending[rows]]
    return float(above[-1]) if len(above) else float("inf")


def _money(scored: LabelledScores, threshold: float) -> Money:
    amounts: NDArray[np.float64] = scored.amounts[scored.is_fraud]
    flagged = scored.probabilities[scored.is_fraud] >= threshold
    largest = np.argsort(-amounts, kind="stable")[:LARGEST]
    total = float(amounts.sum())
    share = float(amounts[largest].sum()) / total if total else None
    return Money(
        total, float(amounts[flagged].sum()), len(largest), share, int(flagged[largest].sum())
    )
