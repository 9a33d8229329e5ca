"""Comparison of a model with others on the same rows and the same bootstrap samples."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from model.evaluation.ranking import METRICS, Ranking
from model.intervals import RESAMPLES, Interval, bootstrap, estimate_percentile_interval
from payments.arrays import Flags, Floats


@dataclass(frozen=True)
class Comparison:
    """Another model's metrics by name (`model.evaluation.ranking.METRICS`), and ours minus them."""

    metrics: dict[str, Interval]
    difference: dict[str, Interval]


@dataclass(frozen=True)
class BaselineResult:
    """A baseline's average precision on each fold (None without frauds), and its comparison."""

    folds: list[float | None]
    compared: Comparison


def compare(
    scores: Floats,
    others: dict[str, Floats],
    is_fraud: Flags,
    resamples: int = RESAMPLES,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Comparison]:
    """Compare float64[n] scores of a model with those of others, by bool[n] truth.

    Differences are paired: each bootstrap sample is the same for all. If the whole interval of a
    difference is above 0, the model is better on rows like these. `progress` is called with the
    number of samples done.
    """
    rankings = [Ranking(each, is_fraud) for each in (scores, *others.values())]

    def statistic(weights: Floats) -> Floats:
        return np.concatenate([ranking.compute(weights) for ranking in rankings])

    shape = (-1, len(rankings), len(METRICS))
    values = statistic(np.ones(len(is_fraud))).reshape(shape)[0]
    samples = bootstrap(len(is_fraud), statistic, resamples, progress=progress).reshape(shape)
    return {
        name: Comparison(
            _estimate_intervals(values[i], samples[:, i]),
            _estimate_intervals(values[0] - values[i], samples[:, 0] - samples[:, i]),
        )
        for i, name in enumerate(others, start=1)
    }


def measure_ranking(scores: Floats, is_fraud: Flags) -> dict[str, Interval]:
    """Return the metrics of float64[n] scores by bool[n] truth, with bootstrap intervals."""
    ranking = Ranking(scores, is_fraud)
    values = ranking.compute(np.ones(len(scores)))
    return _estimate_intervals(values, bootstrap(len(scores), ranking.compute))


def _estimate_intervals(values: Floats, samples: Floats) -> dict[str, Interval]:
    return {
        name: estimate_percentile_interval(float(values[k]), samples[:, k])
        for k, name in enumerate(METRICS)
    }
