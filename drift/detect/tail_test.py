"""The ends of the margin, which no distance sees: one score in a thousand moves no mean, and it is where the alerts are.

A window's count beyond a cut is compared with the baseline's by an exact binomial test: given both counts together, each of those rows
is the window's with the chance that any row is (J. Przyborowski and H. Wilenski, Biometrika 31, 1940). No share has to be known.
"""

import numpy as np
from scipy.stats import binom

from drift.detect.calibration import WINDOWS_A_FALSE_ALARM, apart, comparisons, upper_quantile
from drift.windows.window import Floats

# Of the reference's margins: one in so many rows is beyond. By default `review` lies at about one in 1,400.
SHARES = (0.01, 0.001)
# Of frauds and of labels: what is promised of any verdict, for at one in 2,000 a fivefold rate is missed in two windows of 1,000 too often.
_LABEL_LEVEL = 1 / 200


def cuts(margins: Floats) -> Floats:
    """float64[cuts]: the margins from which on SHARES of these lie."""
    return np.asarray(np.quantile(margins, 1 - np.array(SHARES)))


def counts(margins: Floats, cut: Floats) -> Floats:
    """float64[cuts]: how many margins lie at or beyond each cut."""
    return np.array([np.count_nonzero(margins >= one) for one in cut], np.float64)


def surprise(window: Floats, size: int, baseline: Floats, span: int) -> Floats:
    """float64[cuts]: -log10 of the two-sided p of `window` counts among `size` rows beside `baseline` counts among `span` rows."""
    together = window + baseline
    share = size / (size + span)
    fewer, more = binom.logcdf(window, together, share), binom.logsf(window - 1, together, share)
    return np.asarray(np.maximum(-(np.minimum(fewer, more) + np.log(2)) / np.log(10), 0.0))


def threshold(margins: Floats, cut: Floats, size: int, span: int | None) -> float:
    """The surprise, at any cut, from which on a window is drift: the exact one, or what the reference's own blocks show where that is more.

    A share that moves with the hour, or frauds in bursts, surprise more than independent rows would, and the more so the larger the window.
    """
    exact = -np.log10(1 / WINDOWS_A_FALSE_ALARM / len(SHARES))
    beyond = np.vstack([np.zeros(len(cut)), np.cumsum(margins[:, None] >= cut, axis=0)])
    maxima, block = [], size
    compared = list(comparisons(len(margins), size, span))
    for comparison in compared:
        block = comparison.block.stop - comparison.block.start
        rows = sum(part.stop - part.start for part in comparison.baseline)
        known = np.sum(
            [beyond[part.stop] - beyond[part.start] for part in comparison.baseline], axis=0
        )
        own = beyond[comparison.block.stop] - beyond[comparison.block.start]
        maxima.append(surprise(own, block, known, rows).max())
    excess = upper_quantile(np.array(maxima), 1 / WINDOWS_A_FALSE_ALARM, apart(compared)) - exact
    return float(exact + max(excess, 0.0) * max(size / block, 1.0))


def share_rose(count: int, payments: int, known_count: int, known: int) -> bool:
    """Whether `count` of `payments` are more than `known_count` of `known` explain, at one false alarm in 200.

    Of frauds give it two windows together: it is a decision on few, and five times the usual rate shows in some 2,000 payments.
    """
    share = payments / (payments + known) if payments else 0.0
    return bool(binom.sf(count - 1, count + known_count, share) < _LABEL_LEVEL)
