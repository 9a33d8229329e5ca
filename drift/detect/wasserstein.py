"""First Wasserstein distance of many columns at once, from samples that are sorted already.

It is the area between two quantile functions, and both are steps: where their steps lie depends on the two sizes alone.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from drift.windows.window import Floats

Indices = npt.NDArray[np.int64]


def by_column(rows: Floats) -> Floats:
    """float64[n, k] to float64[k, n], each column sorted."""
    columns = np.array(rows.T, order="C")  # a copy, to be sorted in place: 100,000 rows take 24 MB
    columns.sort(axis=1)
    return columns


def together(parts: Sequence[Floats]) -> Floats:
    """float64[k, n] of several n to float64[k, sum of n], each column sorted."""
    columns = np.concatenate(parts, axis=1)
    columns.sort(axis=1)
    return columns


def wasserstein(reference: Floats, current: Floats) -> Floats:
    """float64[k, m] and float64[k, n], both sorted along their rows, to float64[k]. The same as scipy.stats.wasserstein_distance."""
    fewer, more = sorted((reference, current), key=lambda columns: columns.shape[1])
    short, long, widths = _steps(fewer.shape[1], more.shape[1])
    if len(widths) == more.shape[1]:  # each step of the one is at a step of the other
        apart = np.repeat(fewer, more.shape[1] // fewer.shape[1], axis=1)
        apart -= more
    else:
        apart = np.take(fewer, short, axis=1)
        apart -= np.take(more, long, axis=1)
    return np.asarray(np.abs(apart, out=apart) @ widths)


def evenly(rows: Floats, most: int) -> Floats:
    """At most `most` of the rows, evenly spaced, the first and the last among them."""
    return rows if len(rows) <= most else rows[_spaced(len(rows), most)]


def staggered(rows: Floats, most: int, phase: float) -> Floats:
    """At most `most` of the rows, evenly spaced; `phase`: 0..1, how far into the first space they begin, so others for another phase."""
    return (
        rows
        if len(rows) <= most
        else rows[((np.arange(most) + phase) * len(rows) / most).astype(int)]
    )


@lru_cache(maxsize=64)
def _spaced(count: int, most: int) -> Indices:
    return np.linspace(0, count - 1, most).round().astype(int)


@lru_cache(maxsize=64)
def _steps(m: int, n: int) -> tuple[Indices, Indices, Floats]:
    """For each stretch between two steps of either function: the index into both samples, and its width. In units of 1 / (m n), exact."""
    ends = np.union1d(np.arange(1, m + 1) * n, np.arange(1, n + 1) * m)
    widths = np.diff(ends, prepend=0) / (m * n)
    return (ends - 1) // n, (ends - 1) // m, widths
