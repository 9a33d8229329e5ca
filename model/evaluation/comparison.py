"""A model beside others on the same rows: each one's metrics, and the differences on the same bootstrap samples."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.evaluation.ranking import METRICS, Ranking
from model.intervals import RESAMPLES, Floats, Interval, bootstrap, percentile_interval


@dataclass(frozen=True)
class Comparison:
    """One of the others: its metrics by name (`model.evaluation.ranking.METRICS`), and the model's minus them."""

    metrics: dict[str, Interval]
    difference: dict[str, Interval]


def compare(
    scores: Floats,
    others: dict[str, Floats],
    is_fraud: NDArray[np.bool_],
    resamples: int = RESAMPLES,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Comparison]:
    """Judges float64[n] scores of a model and of others by bool[n] truth. The differences are paired: every sample is the same for all.

    An interval of a difference that lies above 0 says that the model is better on rows like these.
    """
    rankings = [Ranking(each, is_fraud) for each in (scores, *others.values())]

    def statistic(weights: Floats) -> Floats:
        return np.concatenate([ranking.metrics(weights) for ranking in rankings])

    shape = (-1, len(rankings), len(METRICS))
    values = statistic(np.ones(len(is_fraud))).reshape(shape)[0]
    samples = bootstrap(len(is_fraud), statistic, resamples, progress=progress).reshape(shape)
    return {
        name: Comparison(
            _intervals(values[i], samples[:, i]),
            _intervals(values[0] - values[i], samples[:, 0] - samples[:, i]),
        )
        for i, name in enumerate(others, start=1)
    }


def _intervals(values: Floats, samples: Floats) -> dict[str, Interval]:
    return {
        name: percentile_interval(float(values[k]), samples[:, k]) for k, name in enumerate(METRICS)
    }
