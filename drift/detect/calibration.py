"""Thresholds for a window's size and a baseline's, from the reference's own consecutive blocks.

Each block is compared with rows of the reference that it is no part of, as a window will be: those right before it or right after
it (a stream runs both ways alike), as many as the baseline will have, or all others where the reference has no room for that. Blocks are
consecutive because the stream moves with the hour: rows drawn at random would not, and every real window would be drift. Of its baseline
each block faces other rows than the next, so that the luck of those which a window will face is in the thresholds: where all
faced the same, `python -m benchmarks.drift` had false alarms in 8.9 % of the windows of 5,000 beside the model's reference.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from drift.detect import constant_value
from drift.detect.wasserstein import by_column, staggered, wasserstein
from drift.windows.window import Floats

# One undisturbed window in so many is called drift: a tenth of the 1 in 200 that is promised, for references differ by luck.
WINDOWS_A_FALSE_ALARM = 2_000
# Rows of a baseline that a window is compared with, and that Evidently sees: a report takes about 3 s up to this size.
BASELINE_ROWS = 5_000
# The reference has at least so many blocks, so a larger window is judged by smaller blocks. That errs on the quiet side: the distance
# is convex, so a window is never farther than the farthest of its parts.
_BLOCKS = 40
# More blocks than this make thresholds no better that were worth the second that they take.
_MOST_BLOCKS = 160
# Two equal constants are no drift, though a distance at the threshold counts as over it.
_MIN_SCALE = 1e-6
# Less of one value than this is nothing stuck, however still the reference is: creditcard.csv has windows of 500 with one payment 59 times.
_LEAST_STUCK = 0.2
# The one-sided 95 % bound of the normal distribution: a quantile read off few blocks is taken at its upper bound.
_CONFIDENCE = 1.645
_EULER = 0.5772156649
_GOLDEN = 0.6180339887  # its multiples, modulo 1, lie evenly however many there are


@dataclass(frozen=True)
class Comparison:
    """A block and the stretches of the reference that it is compared with."""

    block: slice
    baseline: tuple[slice, ...]


def comparisons(total: int, size: int, span: int | None) -> Iterator[Comparison]:
    """Of a reference of `total` rows, for windows of `size` against `span` rows of the stream, or against the reference (None)."""
    block = min(size, total // _BLOCKS)
    count = min(_MOST_BLOCKS, 2 * total // block - 1)
    beside = span if span is not None and span + 10 * block <= total else None
    for start in np.linspace(0, total - block, count).astype(int).tolist():
        end = start + block
        if beside is None:
            yield Comparison(slice(start, end), (slice(0, start), slice(end, total)))
            continue
        if start >= beside:
            yield Comparison(slice(start, end), (slice(start - beside, start),))
        if end + beside <= total:
            yield Comparison(slice(start, end), (slice(end, end + beside),))


@dataclass(frozen=True)
class Thresholds:
    """From where on a window is drift, float64[columns]. `distances`: in the columns' own units; `stuck`: of stuck.excess, 0..1."""

    distances: Floats
    stuck: Floats


def thresholds(rows: Floats, size: int, span: int | None) -> Thresholds:
    """For windows of `size` events: one undisturbed window in WINDOWS_A_FALSE_ALARM is over by a distance, and one by what is stuck."""
    compared = list(comparisons(len(rows), size, span))
    pairs = (
        _compared(rows, comparison, number * _GOLDEN % 1)
        for number, comparison in enumerate(compared)
    )
    distances, excesses = map(np.array, zip(*pairs, strict=True))
    independent = apart(compared)
    still = np.maximum(_family_wise(excesses, _LEAST_STUCK, independent), _LEAST_STUCK)
    return Thresholds(_family_wise(distances, _MIN_SCALE, independent), still)


def _family_wise(found: Floats, least: float, independent: float) -> Floats:
    """float64[blocks, columns] to float64[columns]. `least`: below which what a column does is taken for nothing.

    Each column's are divided by the largest that its blocks have, and the largest over the columns is taken for each block: a quantile
    of that maximum is the factor on all of them.
    """
    scales = np.maximum(found.max(axis=0), least)
    return np.asarray(
        scales
        * upper_quantile((found / scales).max(axis=1), 1 / WINDOWS_A_FALSE_ALARM, independent)
    )


def apart(compared: list[Comparison]) -> float:
    """The share, 0..1, of comparisons that tell something new: blocks that overlap half tell the same twice."""
    blocks = {(comparison.block.start, comparison.block.stop) for comparison in compared}
    covered = max(stop for _, stop in blocks) - min(start for start, _ in blocks)
    return float(min(1.0, covered / sum(stop - start for start, stop in blocks)))


def _compared(rows: Floats, comparison: Comparison, phase: float) -> tuple[Floats, Floats]:
    baseline = by_column(
        staggered(
            np.concatenate([rows[part] for part in comparison.baseline]), BASELINE_ROWS, phase
        )
    )
    block = by_column(rows[comparison.block])
    return wasserstein(baseline, block), constant_value.excess(baseline, block)


def upper_quantile(maxima: Floats, exceeded: float, independent: float) -> float:
    """What maxima exceed with probability `exceeded`: the upper bound of a Gumbel distribution's quantile, fitted by its moments.

    `independent`: the share, 0..1, of the maxima that count for the bound.

    Formulas: G. W. Kite, "Confidence limits for design events", Water Resources Research 11(1), 1975. Its tail is heavier than that
    of distances of light-tailed columns, so beyond the blocks seen it errs on the quiet side.
    """
    factor = np.sqrt(6) / np.pi * (-np.log(-np.log1p(-exceeded)) - _EULER)
    error = np.sqrt((1 + 1.1396 * factor + 1.1 * factor**2) / (independent * len(maxima)))
    return float(maxima.mean() + (factor + _CONFIDENCE * error) * maxima.std())
