"""How far a window's columns are from those of its baseline, each by its own distance.

Numbers: the Wasserstein distance of the values that are not missing. Categories: the total
variation distance of the shares of each value and of missing ones, which is the share of payments
that would have to change their value. Both are convex, which calibration relies on.
"""

import numpy as np

from drift.detect.columns import Columns
from drift.detect.wasserstein import wasserstein
from payments.arrays import Flags, Floats

# Evidently's lower bound of the standard deviation by which it divides distances (evidently 0.7.23,
# evidently/legacy/calculations/stattests/wasserstein_distance_norm.py).
MIN_DEVIATION = 0.001


def compute_distances(before: Floats, current: Floats, columns: Columns) -> Floats:
    """Return float64[k] from float64[k, m] and float64[k, n], both sorted along their rows.

    Of numbers in their own units, and 0 if all are missing on one side; of categories as shares,
    0..1.
    """
    whole = columns.are_numbers & ~(np.isnan(before[:, -1]) | np.isnan(current[:, -1]))
    if whole.all():
        return wasserstein(before, current)
    distances = np.zeros(len(columns))
    distances[whole] = wasserstein(before[whole], current[whole])
    for index in np.flatnonzero(~whole):
        values = columns.all[index].values
        if values is None:
            known = [_drop_missing(each[index])[None, :] for each in (before, current)]
            if all(each.size for each in known):
                distances[index] = wasserstein(*known)[0]
        else:
            earlier, now = (_count_shares(each[index], len(values)) for each in (before, current))
            distances[index] = np.abs(now - earlier).sum() / 2
    return distances


def compute_units(columns: Floats, are_numbers: Flags) -> Floats:
    """Return float64[k], what distances are divided by, from float64[k, rows], sorted along rows.

    The standard deviation of numbers; 1 for categories.
    """
    deviations = columns.std(axis=1)
    for index in np.flatnonzero(np.isnan(deviations)):
        known = _drop_missing(columns[index])
        deviations[index] = known.std() if known.size else 1.0
    return np.where(are_numbers, np.maximum(deviations, MIN_DEVIATION), 1.0)


def _drop_missing(column: Floats) -> Floats:
    """Return the values of a sorted column without NaN, which come last."""
    return column[: len(column) - np.count_nonzero(np.isnan(column))]


def _count_shares(column: Floats, codes: int) -> Floats:
    """Return the share of each code in a sorted column, and of NaN, float64[codes + 1]."""
    starts = np.searchsorted(column, np.arange(codes + 1))
    return np.diff(starts, append=len(column)) / len(column)
