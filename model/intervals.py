"""How sure a measured number is: the bootstrap for metrics of rows, Wilson's interval for a share."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

LEVEL = 0.95
# Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13: percentile intervals want 1,000 or more.
RESAMPLES = 1000
SEED = 20130901

Floats = NDArray[np.float64]
# Weights float64[n] of n rows (how often each was drawn) to the values of k metrics, float64[k]; NaN for one that does not exist.
Statistic = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Interval:
    """A value and its two-sided interval at LEVEL; None for what does not exist, such as a recall without frauds."""

    value: float | None
    low: float | None
    high: float | None


UNDEFINED = Interval(None, None, None)


def wilson_interval(successes: int, trials: int) -> Interval:
    """The share `successes / trials` with Wilson's score interval (E. B. Wilson, JASA 22, 1927); UNDEFINED without trials."""
    if not trials:
        return UNDEFINED
    found = binomtest(successes, trials).proportion_ci(LEVEL, method="wilson")
    return Interval(successes / trials, float(found.low), float(found.high))


def bootstrap(
    n_rows: int,
    statistic: Statistic,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    progress: Callable[[int], None] = lambda _: None,
) -> Floats:
    """The statistic on `resamples` samples of n_rows rows drawn with replacement: float64[resamples, k].

    The plain bootstrap of Efron, Annals of Statistics 7, 1979: the number of frauds varies as the rows do. A sample is handed over as
    the weight of each row, so nothing is copied or sorted again. Metrics of two models in one statistic are paired: they see the same
    samples. `progress` is told the number of samples done.
    """
    random = np.random.default_rng(seed)
    samples = []
    for done in range(resamples):
        weights = np.bincount(random.integers(0, n_rows, n_rows), minlength=n_rows).astype(
            np.float64
        )
        samples.append(statistic(weights))
        progress(done + 1)
    return np.array(samples)


def percentile_interval(value: float, samples: Floats) -> Interval:
    """The percentile interval (Efron and Tibshirani 1993, ch. 13) of one metric's float64[resamples].

    Samples in which the metric does not exist, such as those without a fraud, are left out.
    """
    if not np.isfinite(value):
        return UNDEFINED
    exist = samples[np.isfinite(samples)]
    if not len(exist):
        return Interval(value, None, None)
    low, high = np.quantile(exist, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))
