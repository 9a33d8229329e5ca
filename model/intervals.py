"""Confidence intervals: the bootstrap for metrics of rows, Wilson's interval for a share."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from payments.arrays import Floats

LEVEL = 0.95
# Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13: 1,000 or more for percentile
# intervals.
RESAMPLES = 1000
SEED = 20130901

# From float64[n], how often each of n rows was drawn, to the values of k metrics, float64[k]; NaN
# for an undefined metric.
Statistic = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Interval:
    """A value and its two-sided interval; None if undefined, such as recall without frauds."""

    value: float | None
    low: float | None
    high: float | None


UNDEFINED = Interval(None, None, None)


def estimate_share(successes: int, trials: int) -> Interval:
    """Return the share `successes / trials` with its score interval; UNDEFINED without trials.

    E. B. Wilson, JASA 22, 1927.
    """
    if not trials:
        return UNDEFINED
    bounds = binomtest(successes, trials).proportion_ci(LEVEL, method="wilson")
    return Interval(successes / trials, float(bounds.low), float(bounds.high))


def bootstrap(
    n_rows: int,
    statistic: Statistic,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    progress: Callable[[int], None] = lambda _: None,
) -> Floats:
    """Return float64[resamples, k]: the statistic on samples of n_rows rows drawn with replacement.

    The plain bootstrap of Efron, Annals of Statistics 7, 1979, in which the number of frauds
    varies too. A sample is passed as the weight of each row, so nothing is copied or sorted
    again. Metrics of two models in one statistic are paired: they see the same samples.
    `progress` is called with the number of samples done.
    """
    random = np.random.default_rng(seed)
    samples = []
    for done in range(resamples):
        weights = np.bincount(random.integers(0, n_rows, n_rows), minlength=n_rows)
        samples.append(statistic(weights.astype(np.float64)))
        progress(done + 1)
    return np.array(samples)


def estimate_percentile_interval(value: float, samples: Floats) -> Interval:
    """Return the percentile interval of one metric's float64[resamples].

    Efron and Tibshirani 1993, ch. 13. Samples in which the metric is undefined, such as those
    without a fraud, are left out.
    """
    if not np.isfinite(value):
        return UNDEFINED
    defined = samples[np.isfinite(samples)]
    if not len(defined):
        return Interval(value, None, None)
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))
