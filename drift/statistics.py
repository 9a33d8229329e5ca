"""How far a window lies from the reference, column by column, and whether that is drift.

One method for every column: the Wasserstein distance in standard deviations of the reference, which is Evidently's "wasserstein"
(evidently 0.7.23, evidently/legacy/calculations/stattests/wasserstein_distance_norm.py), so that reports and gauges agree.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import logit

from drift.windows import Floats
from model.contract import INPUTS

COLUMNS = (*INPUTS, "margin")
METHOD = "wasserstein"

# Below this a window gets no verdict: the contract of `fraud monitor`.
MIN_EVENTS = 500
# Rows of the reference and of a window that Evidently sees: a report takes about 3 s up to this size.
SAMPLE_ROWS = 5_000
# Evidently's floor for the standard deviation that distances are divided by (source above).
_MIN_DEVIATION = 0.001
# A threshold of 0 would call two equal constants drift, for a distance at the threshold counts as over it.
_MIN_THRESHOLD = 1e-6
# Blocks overlap by half where there is room; more than 60 add seconds.
_MOST_BLOCKS = 60
# A window larger than a third of the reference is calibrated on blocks of that third: fewer than five blocks say nothing of the rest.
_REFERENCE_SHARE = 3


@dataclass(frozen=True)
class Limits:
    """From where on a column is over (float64[columns]), and how many such columns are drift."""

    thresholds: Floats
    columns: int

    @property
    def share(self) -> float:
        """The score from which a window is drift."""
        return self.columns / len(self.thresholds)


@dataclass(frozen=True)
class Verdict:
    """What a window was found to be. `score`: share of columns at or over their threshold, 0..1."""

    distances: dict[str, float]
    score: float
    detected: bool
    limits: Limits


def margins(probabilities: Floats) -> Floats:
    """The booster's margins behind probabilities: the inverse of the logistic function, finite for 0 and 1 too."""
    ends = np.finfo(np.float64)
    return np.asarray(logit(np.clip(probabilities, ends.tiny, 1 - ends.epsneg)), np.float64)


def wasserstein(reference: Floats, current: Floats) -> Floats:
    """First Wasserstein distance for each of k columns: float64[k, m] and float64[k, n] to float64[k].

    The area between the two distribution functions (scipy.stats.wasserstein_distance), for all columns at once.
    """
    values = np.concatenate([reference, current], axis=1)
    order = np.argsort(values, axis=1, kind="stable")
    masses = np.repeat([1 / reference.shape[1], -1 / current.shape[1]], [reference.shape[1], current.shape[1]])
    between = np.cumsum(masses[order], axis=1)[:, :-1]
    gaps = np.diff(np.take_along_axis(values, order, axis=1), axis=1)
    return np.asarray((np.abs(between) * gaps).sum(axis=1))


class Reference:
    """The model's held-back rows, float64[rows, columns] in time order: what a window is compared with."""

    def __init__(self, rows: Floats) -> None:
        self._rows = rows
        evenly = np.linspace(0, len(rows) - 1, min(SAMPLE_ROWS, len(rows))).round().astype(int)
        # Evidently gets these very rows; evenly spaced in time, so that each hour weighs as much as it does in the reference.
        self.sample: Floats = rows[evenly]
        self._sorted = np.sort(self.sample.T, axis=1)
        self._deviations = np.maximum(self.sample.std(axis=0), _MIN_DEVIATION)
        self.limits = lru_cache(maxsize=8)(self._calibrated)

    def distances(self, rows: Floats) -> Floats:
        """Distance of float64[events, columns] in each column, in standard deviations of the reference."""
        return np.asarray(wasserstein(self._sorted, np.ascontiguousarray(rows.T)) / self._deviations)

    def judge(self, rows: Floats) -> Verdict | None:
        """The verdict on a window's rows, by limits for exactly its size; None under MIN_EVENTS."""
        if len(rows) < MIN_EVENTS:
            return None
        limits = self.limits(len(rows))
        distances = self.distances(rows)
        over = int((distances >= limits.thresholds).sum())
        found = dict(zip(COLUMNS, distances.tolist(), strict=True))
        return Verdict(found, score=over / len(COLUMNS), detected=over >= limits.columns, limits=limits)

    def _calibrated(self, size: int) -> Limits:
        """Limits for windows of `size` events, from the reference's own consecutive blocks of that size.

        A column's threshold is the largest distance among them: the stream moves with the hour, and rows drawn at random would not.
        Each block is the farthest of all in some columns; a window is drift when it is so in more columns than any block is.
        """
        block = min(size, len(self._rows) // _REFERENCE_SHARE)
        count = min(_MOST_BLOCKS, 2 * len(self._rows) // block - 1)
        starts = np.linspace(0, len(self._rows) - block, count).astype(int)
        distances = np.array([self.distances(self._rows[start : start + block]) for start in starts])
        farthest = int(np.bincount(distances.argmax(axis=0)).max())
        thresholds = np.maximum(distances.max(axis=0), _MIN_THRESHOLD)
        return Limits(thresholds, columns=min(farthest + 1, distances.shape[1]))
