"""Calibrate drift thresholds on consecutive blocks of a model's reference rows.

Each block is compared with other reference rows, as a window is compared with its baseline: with
the rows just before or just after it, or with all other rows if the reference is too short for
that. Blocks are consecutive because the stream changes with the hour: random rows would hide that,
and every real window would count as drift. Each block sees a different sample of its baseline, so
that the thresholds include sampling noise: with one sample for all blocks,
`python -m benchmarks.drift` measured false alarms in 8.9% of windows of 5,000 compared with the
model's reference.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from drift.detect import constant_value
from drift.detect.columns import Columns
from drift.detect.distances import compute_distances
from drift.detect.wasserstein import sample_staggered, sort_columns
from payments.arrays import Floats

# Target false-alarm rate of each test: one undisturbed window in 2,000. That is ten times stricter
# than the documented 1 in 200, to allow for differences between references.
WINDOWS_A_FALSE_ALARM = 2_000
# Baseline rows to compare a window with, and to show to Evidently: up to this size a report takes
# about 3 s.
BASELINE_ROWS = 5_000
# Split the reference into at least 40 blocks, so larger windows are calibrated on smaller blocks.
# That errs on the quiet side: the distance is convex, so a window is never farther than the
# farthest of its parts.
_MIN_BLOCKS = 40
# More blocks improve the thresholds too little to justify the time.
_MAX_BLOCKS = 160
# Keeps two equal constants, at distance 0, below the threshold.
_MIN_SCALE = 1e-6
# Payments, as a share, that must change their category at least: otherwise one alone, a typing
# error, would be drift if the reference has no missing or no unseen value.
_MIN_MOVED = 0.01
# Ignore smaller shares of one value, even if the reference has none: creditcard.csv has windows of
# 500 with one payment 59 times.
_MIN_CONSTANT_SHARE = 0.2
# Normal quantile of the one-sided 95% upper bound of a quantile that is estimated from few blocks.
_CONFIDENCE = 1.645
_EULER = 0.5772156649
_GOLDEN = 0.6180339887  # multiples modulo 1 are evenly spread, whatever their count


@dataclass(frozen=True)
class Comparison:
    """A block and the reference rows that it is compared with."""

    block: slice
    baseline: tuple[slice, ...]


def cut_comparisons(total: int, size: int, span: int | None) -> Iterator[Comparison]:
    """Yield the comparisons in a reference of `total` rows for windows of `size` rows.

    `span` is the number of stream rows in the baseline, or None if the baseline is the reference.
    """
    block = min(size, total // _MIN_BLOCKS)
    count = min(_MAX_BLOCKS, 2 * total // block - 1)
    neighbours = span if span is not None and span + 10 * block <= total else None
    for start in np.linspace(0, total - block, count).astype(int).tolist():
        end = start + block
        if neighbours is None:
            yield Comparison(slice(start, end), (slice(0, start), slice(end, total)))
            continue
        if start >= neighbours:
            yield Comparison(slice(start, end), (slice(start - neighbours, start),))
        if end + neighbours <= total:
            yield Comparison(slice(start, end), (slice(end, end + neighbours),))


@dataclass(frozen=True)
class ColumnThresholds:
    """The smallest values that count as drift, float64[columns].

    `distances` are in the columns' own units, `constant_shares` are shares of the window (see
    `constant_value.compute_excess`), 0..1.
    """

    distances: Floats
    constant_shares: Floats


def calibrate_thresholds(
    rows: Floats, columns: Columns, size: int, span: int | None
) -> ColumnThresholds:
    """Return the thresholds for windows of `size` rows; `span` is that of `cut_comparisons`.

    Each of the two tests is exceeded by one undisturbed window in WINDOWS_A_FALSE_ALARM.
    """
    compared = list(cut_comparisons(len(rows), size, span))
    pairs = (
        _compare(rows, columns, comparison, number * _GOLDEN % 1)
        for number, comparison in enumerate(compared)
    )
    distances, excesses = map(np.array, zip(*pairs, strict=True))
    independent = compute_independent_share(compared)
    constant = _find_family_maxima(excesses, _MIN_CONSTANT_SHARE, independent)
    least = np.where(columns.are_numbers, _MIN_SCALE, _MIN_MOVED)
    return ColumnThresholds(
        _find_family_maxima(distances, least, independent),
        np.maximum(constant, _MIN_CONSTANT_SHARE),
    )


def _find_family_maxima(values: Floats, least: float | Floats, independent: float) -> Floats:
    """Return float64[columns] from float64[blocks, columns]; `least` limits a column's scale.

    Scale each column by its maximum over the blocks, take each block's maximum over the columns,
    and scale all columns by a quantile of these maxima.
    """
    scales = np.maximum(values.max(axis=0), least)
    maxima = (values / scales).max(axis=1)
    return np.asarray(
        scales * estimate_upper_quantile(maxima, 1 / WINDOWS_A_FALSE_ALARM, independent)
    )


def compute_independent_share(compared: list[Comparison]) -> float:
    """Return the share, 0..1, of comparisons that are independent.

    Overlapping blocks repeat each other.
    """
    blocks = {(comparison.block.start, comparison.block.stop) for comparison in compared}
    covered = max(stop for _, stop in blocks) - min(start for start, _ in blocks)
    return float(min(1.0, covered / sum(stop - start for start, stop in blocks)))


def _compare(
    rows: Floats, columns: Columns, comparison: Comparison, phase: float
) -> tuple[Floats, Floats]:
    baseline = np.concatenate([rows[part] for part in comparison.baseline])
    baseline = sort_columns(sample_staggered(baseline, BASELINE_ROWS, phase))
    block = sort_columns(rows[comparison.block])
    distances = compute_distances(baseline, block, columns)
    return distances, constant_value.compute_excess(baseline, block)


def estimate_upper_quantile(maxima: Floats, exceeded: float, independent: float) -> float:
    """Return an upper bound of the value that maxima exceed with probability `exceeded`.

    Fit a Gumbel distribution by moments and take the 95% upper bound of its quantile.
    `independent` is the share, 0..1, of maxima that count towards the bound. Source: G. W. Kite,
    "Confidence limits for design events", Water Resources Research 11(1), 1975. The Gumbel tail is
    heavier than that of distances between light-tailed columns, so extrapolation errs on the quiet
    side.
    """
    factor = np.sqrt(6) / np.pi * (-np.log(-np.log1p(-exceeded)) - _EULER)
    error = np.sqrt((1 + 1.1396 * factor + 1.1 * factor**2) / (independent * len(maxima)))
    return float(maxima.mean() + (factor + _CONFIDENCE * error) * maxima.std())
