"""An exact test on the upper tail of the margin, which holds the alerts.

No distance shows a change in one score of a thousand. The window's count beyond a cut is compared
with the baseline's by the conditional binomial test (J. Przyborowski and H. Wilenski, Biometrika
31, 1940): given the sum of both counts, each of these rows is in the window with probability window
rows / all rows.
"""

import numpy as np
from scipy.stats import binom

from drift.detect.calibration import (
    WINDOWS_A_FALSE_ALARM,
    compute_independent_share,
    cut_comparisons,
    estimate_upper_quantile,
)
from payments.arrays import Floats

# Shares of the reference's rows beyond the cuts. The default `review` threshold is at about one row
# in 1,400.
SHARES = (0.01, 0.001)
# Level of the tests on frauds and labels: the documented 1 in 200. At 1 in 2,000 a fivefold fraud
# rate is missed too often in two windows of 1,000.
_LABEL_LEVEL = 1 / 200


def choose_cuts(margins: Floats) -> Floats:
    """Return float64[cuts]: the margins that SHARES of these margins reach."""
    return np.asarray(np.quantile(margins, 1 - np.array(SHARES)))


def count_beyond(margins: Floats, cut: Floats) -> Floats:
    """Return float64[cuts]: the number of margins at or beyond each cut."""
    return np.array([np.count_nonzero(margins >= one) for one in cut], np.float64)


def compute_surprise(window: Floats, size: int, baseline: Floats, span: int) -> Floats:
    """Return float64[cuts]: -log10 of the two-sided p-value of each count in `window`.

    `size`: rows of the window. `baseline` holds the counts in the `span` rows of the baseline.
    """
    total = window + baseline
    share = size / (size + span)
    fewer = binom.logcdf(window, total, share)
    more = binom.logsf(window - 1, total, share)
    return np.asarray(np.maximum(-(np.minimum(fewer, more) + np.log(2)) / np.log(10), 0.0))


def calibrate_threshold(margins: Floats, cut: Floats, size: int, span: int | None) -> float:
    """Return the smallest surprise, at any cut, that counts as drift.

    That is the exact test's, or the one seen between blocks of the reference if that is larger: a
    tail share that changes with the hour and bursts of fraud are more surprising than independent
    rows, the more so the larger the window.
    """
    exact = -np.log10(1 / WINDOWS_A_FALSE_ALARM / len(SHARES))
    beyond = np.vstack([np.zeros(len(cut)), np.cumsum(margins[:, None] >= cut, axis=0)])
    maxima = []
    block = size
    compared = list(cut_comparisons(len(margins), size, span))
    for comparison in compared:
        block = comparison.block.stop - comparison.block.start
        rows = sum(part.stop - part.start for part in comparison.baseline)
        parts = [beyond[part.stop] - beyond[part.start] for part in comparison.baseline]
        own = beyond[comparison.block.stop] - beyond[comparison.block.start]
        maxima.append(compute_surprise(own, block, np.sum(parts, axis=0), rows).max())
    bound = estimate_upper_quantile(
        np.array(maxima), 1 / WINDOWS_A_FALSE_ALARM, compute_independent_share(compared)
    )
    return float(exact + max(bound - exact, 0.0) * max(size / block, 1.0))


def share_rose(count: int, total: int, count_before: int, total_before: int) -> bool:
    """Return whether `count` of `total` is more than `count_before` of `total_before` explains.

    The test gives one false alarm in 200.
    Frauds are few, so pass the counts of two windows together: a fivefold rate shows in about 2,000
    payments.
    """
    share = total / (total + total_before) if total else 0.0
    return bool(binom.sf(count - 1, count + count_before, share) < _LABEL_LEVEL)
