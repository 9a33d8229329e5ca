"""Evaluation on labelled rows: what the thresholds do, and metrics with intervals."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from model.evaluation.ranking import Ranking
from model.intervals import (
    RESAMPLES,
    Interval,
    bootstrap,
    estimate_percentile_interval,
    estimate_share,
)
from model.training import calibration
from model.training.thresholds import LabelledScores, apply_threshold
from payments.arrays import Floats
from payments.contract import Thresholds

# Alerts a day, from one analyst's side task to a department.
CAPACITIES = (10, 25, 50, 100, 200, 500, 1000)
LARGEST_FRAUDS = 10
TRADE_OFF = (0.5, 1, 2)  # times the alerts raised


@dataclass(frozen=True)
class ThresholdMetrics:
    """What a threshold flags.

    Precision and recall have Wilson's intervals, and `money`, the flagged share of the frauds'
    Amount, a bootstrap interval. `alerts_a_day` is `flagged` a day.
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
    """The `rows` highest scores that fit a capacity of `alerts_a_day`.

    `ceiling` is the highest possible recall at this capacity, and `of_ceiling` the share of it
    reached. All three shares are None without frauds.
    """

    alerts_a_day: float
    rows: int
    flagged: int
    caught: int
    recall: float | None
    ceiling: float | None
    of_ceiling: float | None


@dataclass(frozen=True)
class Money:
    """The frauds' Amount, in all and in alerts.

    `largest` counts the largest frauds, at most LARGEST_FRAUDS, `largest_share` is their share of
    the frauds' Amount, and `largest_caught` counts those in alerts.
    """

    frauds: float
    caught: float
    largest: int
    largest_share: float | None
    largest_caught: int


@dataclass(frozen=True)
class Metrics:
    """Metrics independent of the thresholds, with bootstrap intervals.

    See `model.evaluation.ranking`; brier is the mean squared error of the probability.
    """

    auprc: Interval
    roc_auc: Interval
    recall_at_fpr_1pct: Interval
    recall_at_precision_90: Interval
    brier: Interval


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of `rows` rows, which arrive in `days` days.

    `at_capacity` is for the capacity asked for, `capacities` for each of CAPACITIES, and
    `trade_off` for half, once and twice the alerts that `review` raises.
    """

    rows: int
    frauds: int
    days: float
    review: ThresholdMetrics
    block: ThresholdMetrics
    at_capacity: CapacityPoint
    metrics: Metrics
    money: Money
    capacities: list[CapacityPoint]
    trade_off: list[CapacityPoint]
    reliability: list[calibration.ReliabilityBin]


def evaluate(
    scored: LabelledScores,
    thresholds: Thresholds,
    alerts_a_day: float | None,
    resamples: int = RESAMPLES,
    progress: Callable[[int], None] = lambda _: None,
) -> Evaluation:
    """Evaluate at least one scored row. Undefined values, such as recall without frauds, are None.

    `alerts_a_day` is the capacity for which `review` was chosen. If None, the number of alerts that
    `review` raises is the capacity. `progress` is called with the number of bootstrap samples done.
    """
    statistic = _make_statistic(scored, thresholds)
    rows = len(scored.is_fraud)
    values = statistic(np.ones(rows))
    samples = bootstrap(rows, statistic, resamples, progress=progress)
    *metrics, review_money, block_money = (
        estimate_percentile_interval(value, column)
        for value, column in zip(values, samples.T, strict=True)
    )
    review = _measure_threshold(scored, thresholds.review, review_money)
    capacity = review.alerts_a_day if alerts_a_day is None else alerts_a_day
    return Evaluation(
        rows=rows,
        frauds=int(scored.is_fraud.sum()),
        days=scored.days,
        review=review,
        block=_measure_threshold(scored, thresholds.block, block_money),
        at_capacity=measure_capacity(scored, capacity),
        metrics=Metrics(*metrics),
        money=_measure_money(scored, thresholds.review),
        capacities=[measure_capacity(scored, each) for each in CAPACITIES],
        trade_off=measure_trade_off(scored, review.alerts_a_day),
        reliability=calibration.bin_reliability(scored.probabilities, scored.is_fraud),
    )


def _make_statistic(scored: LabelledScores, thresholds: Thresholds) -> Callable[[Floats], Floats]:
    """Return a statistic: the fields of Metrics, then the frauds' money at `review` and at `block`.

    Money is the share of the frauds' Amount at or above the threshold. Sums of products are used
    instead of `@`, because BLAS wakes a thread for each core, which takes 15 times as long for
    vectors of this size.
    """
    ranking = Ranking(scored.probabilities, scored.is_fraud)
    error = (scored.probabilities - scored.is_fraud) ** 2
    frauds = np.flatnonzero(scored.is_fraud)
    lost = scored.amounts[frauds]
    scores = scored.probabilities[frauds]
    caught = [lost * (scores >= threshold) for threshold in (thresholds.review, thresholds.block)]

    def statistic(weights: Floats) -> Floats:
        drawn = weights[frauds]
        money = (drawn * lost).sum()
        shares = [(drawn * amounts).sum() / money if money else np.nan for amounts in caught]
        brier = (weights * error).sum() / weights.sum()
        return np.array([*ranking.compute(weights), brier, *shares])

    return statistic


def _measure_threshold(
    scored: LabelledScores, threshold: float, money: Interval
) -> ThresholdMetrics:
    outcome = apply_threshold(scored, threshold)
    return ThresholdMetrics(
        threshold=threshold,
        flagged=outcome.flagged,
        caught=outcome.caught,
        frauds=outcome.frauds,
        alerts_a_day=outcome.alerts_a_day,
        precision=estimate_share(outcome.caught, outcome.flagged),
        recall=estimate_share(outcome.caught, outcome.frauds),
        money=money,
    )


def measure_trade_off(scored: LabelledScores, alerts_a_day: float) -> list[CapacityPoint]:
    """Measure half, once and twice this number of alerts; of no alerts there is no trade-off."""
    return [measure_capacity(scored, times * alerts_a_day) for times in TRADE_OFF if alerts_a_day]


def measure_capacity(scored: LabelledScores, alerts_a_day: float) -> CapacityPoint:
    """Measure what the highest scores catch at a capacity of `alerts_a_day`.

    Rows with equal scores are flagged together or not at all.
    """
    rows = max(1, round(alerts_a_day * scored.days))
    outcome = apply_threshold(scored, _find_lowest_of_highest(scored.probabilities, rows))
    possible = min(rows, outcome.frauds)
    return CapacityPoint(
        alerts_a_day=alerts_a_day,
        rows=rows,
        flagged=outcome.flagged,
        caught=outcome.caught,
        recall=outcome.recall,
        ceiling=possible / outcome.frauds if outcome.frauds else None,
        of_ceiling=outcome.caught / possible if outcome.frauds else None,
    )


def _find_lowest_of_highest(scores: Floats, rows: int) -> float:
    """Return the lowest score that at most `rows` rows reach.

    Infinity if more rows than that share the highest score.
    """
    if rows >= len(scores):
        return float(scores.min())
    descending = -np.sort(-scores)
    above = descending[:rows][descending[:rows] > descending[rows]]
    return float(above[-1]) if len(above) else float("inf")


def _measure_money(scored: LabelledScores, threshold: float) -> Money:
    amounts: Floats = scored.amounts[scored.is_fraud]
    flagged = scored.probabilities[scored.is_fraud] >= threshold
    largest = np.argsort(-amounts, kind="stable")[:LARGEST_FRAUDS]
    total = float(amounts.sum())
    return Money(
        frauds=total,
        caught=float(amounts[flagged].sum()),
        largest=len(largest),
        largest_share=float(amounts[largest].sum()) / total if total else None,
        largest_caught=int(flagged[largest].sum()),
    )
