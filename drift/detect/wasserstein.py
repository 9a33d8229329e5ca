"""First Wasserstein distance of many columns at once, from sorted samples.

The distance is the area between two quantile functions. Both are step functions whose steps depend
on the sample sizes alone.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from payments.arrays import Floats, Ints


def sort_columns(rows: Floats) -> Floats:
    """Return float64[k, n] from float64[n, k], each column sorted."""
    columns = np.array(rows.T, order="C")  # copy, then sort in place: 100,000 rows take 24 MB
    columns.sort(axis=1)
    return columns


def merge_sorted(parts: Sequence[Floats]) -> Floats:
    """Return float64[k, sum of n] from several float64[k, n], each column sorted."""
    columns = np.concatenate(parts, axis=1)
    columns.sort(axis=1)
    return columns


def wasserstein(reference: Floats, current: Floats) -> Floats:
    """Return float64[k] from float64[k, m] and float64[k, n], both sorted along their rows.

    Equals scipy.stats.wasserstein_distance.
    """
    fewer, more = sorted((reference, current), key=lambda columns: columns.shape[1])
    short, long, widths = _find_steps(fewer.shape[1], more.shape[1])
    if len(widths) == more.shape[1]:  # each step of the shorter is also a step of the longer
        differences: Floats = np.repeat(fewer, more.shape[1] // fewer.shape[1], axis=1)
        differences -= more
    else:
        differences = np.take(fewer, short, axis=1)
        differences -= np.take(more, long, axis=1)
    return np.asarray(np.abs(differences, out=differences) @ widths)


def sample_evenly(rows: Floats, max_rows: int) -> Floats:
    """Return at most `max_rows` of the rows, evenly spaced, including the first and the last."""
    return rows if len(rows) <= max_rows else rows[_space_rows_evenly(len(rows), max_rows)]


def sample_staggered(rows: Floats, max_rows: int, phase: float) -> Floats:
    """Return at most `max_rows` of the rows, evenly spaced, starting `phase`, 0..1, of a step in.

    Each phase samples other rows.
    """
    if len(rows) <= max_rows:
        return rows
    chosen: Ints = ((np.arange(max_rows) + phase) * len(rows) / max_rows).astype(int)
    return rows[chosen]


@lru_cache(maxsize=64)
def _space_rows_evenly(count: int, max_rows: int) -> Ints:
    return np.linspace(0, count - 1, max_rows).round().astype(int)


@lru_cache(maxsize=64)
def _find_steps(m: int, n: int) -> tuple[Ints, Ints, Floats]:
    """Return the intervals between steps: their index into both samples, and their width.

    Computed in units of 1 / (m n), so exact.
    """
    ends = np.union1d(np.arange(1, m + 1) * n, np.arange(1, n + 1) * m)
    widths = np.diff(ends, prepend=0) / (m * n)
    return (ends - 1) // n, (ends - 1) // m, widths
