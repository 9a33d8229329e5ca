"""Numbers that follow from numbers: hashes in place of stored ones, and choices by weight."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from payments.arrays import Floats, Ints

Hashes = NDArray[np.uint64]
_MASK = (1 << 64) - 1
_TO_SHARE = 2.0**-53


def hash_numbers(seed: int, *columns: Any) -> Hashes:
    """Return a hash of each row of integers; the same row always has the same one.

    The finalizer of SplitMix64: G. Steele et al., "Fast Splittable Pseudorandom Number Generators",
    OOPSLA 2014.
    """
    mixed = np.uint64(seed & _MASK)
    for column in columns:
        mixed = _mix(mixed ^ np.asarray(column).astype(np.uint64))
    return np.asarray(mixed)


def _mix(values: Any) -> Any:
    with np.errstate(over="ignore"):
        values = values + np.uint64(0x9E3779B97F4A7C15)
        values = (values ^ values >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ values >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        return values ^ values >> np.uint64(31)


def to_shares(hashes: Hashes) -> Floats:
    """Return numbers from 0 to 1, 1 excluded."""
    return np.asarray((hashes >> np.uint64(11)) * _TO_SHARE, np.float64)


class Choices:
    """Choose among weighted items that are arranged in groups, by a search in sums."""

    def __init__(self, groups: Ints, weights: Floats, count: int) -> None:
        """`groups`: of each item, 0 to count - 1. Every group that is asked for has an item."""
        self._order = np.argsort(groups, kind="stable")
        sums = np.cumsum(weights[self._order])
        self._sums = sums
        ends = np.searchsorted(groups[self._order], np.arange(count), side="right")
        self._limits = np.concatenate([[0.0], sums])[np.concatenate([[0], ends])]
        self._ends = ends

    def choose(self, groups: Any, chance: Floats) -> Ints:
        """Return an item of each group. `chance`: 0 to 1, 1 excluded."""
        low = self._limits[groups]
        high = self._limits[np.asarray(groups) + 1]
        places = np.searchsorted(self._sums, low + chance * (high - low), side="right")
        chosen: Ints = self._order[np.minimum(places, self._ends[groups] - 1)]
        return chosen


def choose(weights: Any, chance: Floats) -> Ints:
    """Return a position in `weights` for each number from 0 to 1, 1 excluded."""
    sums = np.cumsum(np.asarray(weights, np.float64))
    return np.searchsorted(sums[:-1] / sums[-1], chance, side="right")
