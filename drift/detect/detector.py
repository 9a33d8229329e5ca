"""Decide whether a window has drifted, and in which columns.

Every column of numbers is tested with the Wasserstein distance in standard deviations of its
baseline. That is Evidently's "wasserstein" (evidently 0.7.23,
evidently/legacy/calculations/stattests/wasserstein_distance_norm.py), so reports and gauges agree.
Values far outside of the reference are limited first: one alone, a typing error, would move a
window and then the baseline of the next ten. Categories are tested with the total variation
distance of their shares. Two more tests cover the margin's upper tail, which holds the alerts, and
columns stuck at one value.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import logit

from drift.detect import calibration, constant_value, tail_test
from drift.detect.calibration import BASELINE_ROWS, ColumnThresholds
from drift.detect.columns import MARGIN, Columns
from drift.detect.distances import MIN_DEVIATION, compute_distances, compute_units
from drift.detect.reference_shift import Comparison
from drift.detect.rolling_baseline import RollingBaseline
from drift.detect.wasserstein import merge_sorted, sample_evenly, sort_columns
from payments.arrays import Floats

MIN_EVENTS = 500
"""Smaller windows get no verdict, as documented for `fraud monitor`."""
# Window rows to show to Evidently: as many as of the baseline.
SAMPLE_ROWS = BASELINE_ROWS
_MARGIN = -1  # the last column


@dataclass(frozen=True)
class Verdict:
    """The result of comparing a window with a baseline.

    `distances`: by column, of numbers in standard deviations of the baseline, of categories as
    shares; `limits`: the distances from which a column has drifted, in the same unit. `score`:
    share of columns at or over their limit, 0..1. `tail`: surprise of the margin's tail divided by
    its threshold; 1 or more counts as drift. `constant_ratios`: by column, the excess share of its
    most common value divided by its threshold; 1 or more counts as drift. `detected`: whether any
    of the three tests found drift. `from_reference`: distances from the model's reference;
    `reference`: the window compared with it, which `detected` leaves out. `samples`: the baseline's
    rows in time order, float64[columns, rows] each. `bounds`: what `clip` limits values to.
    `outliers`: by column, the number of values beyond, without columns that have none. `shares`:
    see `Columns.compute_shares`.
    """

    columns: Columns
    distances: dict[str, float]
    score: float
    detected: bool
    limits: dict[str, float]
    tail: float
    constant_ratios: dict[str, float]
    from_reference: dict[str, float]
    reference: Comparison
    samples: tuple[Floats, ...]
    bounds: tuple[Floats, Floats]
    outliers: dict[str, int]
    shares: dict[str, float]

    @property
    def baseline(self) -> Floats:
        """Return the baseline's rows as compared, in time order, float64[rows, columns]."""
        return self.clip(np.array(np.concatenate(self.samples, axis=1).T, order="C"))

    def clip(self, rows: Floats) -> Floats:
        """Return rows, float64[n, columns], with the values that the distances compare."""
        return np.clip(rows, *self.bounds)

    @property
    def ranking(self) -> list[tuple[str, float]]:
        """Return the model's inputs with their largest ratio to a threshold, largest first.

        The margin is a function of them and not included.
        """
        ratios = {
            name: max(self.distances[name] / self.limits[name], self.constant_ratios[name])
            for name in self.distances
            if name != MARGIN
        }
        return sorted(ratios.items(), key=lambda item: -item[1])


def compute_margins(probabilities: Floats) -> Floats:
    """Return the booster's margins: the inverse logistic function, finite at 0 and 1."""
    limits = np.finfo(np.float64)
    return np.asarray(logit(np.clip(probabilities, limits.tiny, 1 - limits.epsneg)), np.float64)


class DriftDetector:
    """Compare windows with the windows before them, by thresholds calibrated on a reference.

    `rows` is the reference: the model's out-of-fold rows in time order, float64[rows, columns]. The
    first window is compared with it.
    """

    def __init__(self, rows: Floats, columns: Columns) -> None:
        self.columns = columns
        self._rows = rows
        self._bounds = _find_bounds(rows, columns)
        # Evenly spaced in time, so that each hour keeps its weight.
        self.sample: Floats = sample_evenly(rows, BASELINE_ROWS)
        self._sorted = sort_columns(self.sample)
        self._unit = compute_units(self._sorted, columns.are_numbers)
        self._cuts = tail_test.choose_cuts(rows[:, _MARGIN])
        self._beyond = tail_test.count_beyond(rows[:, _MARGIN], self._cuts)
        self._high_share = self._beyond[0] / len(rows)
        # One entry a window size and baseline span: ten while the baseline fills, more if windows
        # are closed early. Each takes about 1 s.
        self._thresholds = lru_cache(maxsize=32)(self._calibrate)

    def detect(self, rows: Floats, baseline: RollingBaseline | None = None) -> Verdict | None:
        """Return the verdict on a window's rows, float64[n, columns]; None below MIN_EVENTS.

        Limits are calibrated for the window's exact size. Without a baseline, or with an empty one,
        compare with the reference.
        """
        if len(rows) < MIN_EVENTS:
            return None
        before = baseline if baseline is not None and len(baseline) else None
        thresholds, max_surprise = self._thresholds(len(rows), before.span if before else None)
        current = sort_columns(rows)
        samples = before.samples if before else (self.sample.T,)
        compared = merge_sorted(samples) if before else self._sorted
        low, high = (bound[:, None] for bound in self._bounds)
        clipped = np.clip(current, low, high)
        before_clipped = np.clip(compared, low, high)
        from_reference = compute_distances(self._sorted, clipped, self.columns)
        distances = from_reference
        unit = self._unit
        if before:
            distances = compute_distances(before_clipped, clipped, self.columns)
            unit = compute_units(before_clipped, self.columns.are_numbers)
        over = int((distances >= thresholds.distances).sum())
        tail = self._compute_surprise(rows, before) / max_surprise
        constant = constant_value.compute_excess(compared, current) / thresholds.constant_shares
        return Verdict(
            columns=self.columns,
            distances=self._key_by_name(distances / unit),
            score=over / len(self.columns),
            detected=over > 0 or tail >= 1 or bool((constant >= 1).any()),
            limits=self._key_by_name(thresholds.distances / unit),
            tail=tail,
            constant_ratios=self._key_by_name(constant),
            from_reference=self._key_by_name(from_reference / self._unit),
            reference=self._compare_with_reference(rows, from_reference),
            samples=samples,
            bounds=self._bounds,
            outliers=self._count_outliers(current, clipped),
            shares=self.columns.compute_shares(rows),
        )

    def _key_by_name(self, values: Floats) -> dict[str, float]:
        return dict(zip(self.columns.names, values.tolist(), strict=True))

    def _count_outliers(self, columns: Floats, clipped: Floats) -> dict[str, int]:
        changed = (columns != clipped) & ~np.isnan(columns)
        counts = zip(self.columns.names, np.count_nonzero(changed, axis=1).tolist(), strict=True)
        return {name: count for name, count in counts if count}

    def _compare_with_reference(self, rows: Floats, distances: Floats) -> Comparison:
        # Limits of the next smaller power of two: they are larger, and windows of any sizes share
        # them. Calibrating takes about 1 s.
        size = 1 << (len(rows).bit_length() - 1)
        limits = self._thresholds(size, None)[0].distances
        pairs = zip(self.columns.names, distances >= limits, strict=True)
        high = np.count_nonzero(rows[:, _MARGIN] >= self._cuts[0])
        return Comparison(
            events=len(rows),
            beyond=tuple(name for name, reached in pairs if reached),
            high_scores=float(high / len(rows) / self._high_share),
        )

    def _compute_surprise(self, rows: Floats, before: RollingBaseline | None) -> float:
        if before:
            beyond = tail_test.count_beyond(before.margins, self._cuts)
            span = before.span
        else:
            beyond = self._beyond
            span = len(self._rows)
        counts = tail_test.count_beyond(rows[:, _MARGIN], self._cuts)
        return float(tail_test.compute_surprise(counts, len(rows), beyond, span).max())

    def _calibrate(self, size: int, span: int | None) -> tuple[ColumnThresholds, float]:
        reference_margins = self._rows[:, _MARGIN]
        return (
            calibration.calibrate_thresholds(self._rows, self.columns, size, span),
            tail_test.calibrate_threshold(reference_margins, self._cuts, size, span),
        )


def _find_bounds(rows: Floats, columns: Columns) -> tuple[Floats, Floats]:
    """Return the lowest and the highest value of each column that distances tell apart.

    They are as far from the reference's values as its range is wide, so one value moves a window by
    little, but many still do. NaN for a column that the reference lacks: all its values are treated
    as missing. Codes have no bounds.
    """
    low = np.fmin.reduce(rows, axis=0)
    high = np.fmax.reduce(rows, axis=0)
    width = np.maximum(high - low, MIN_DEVIATION)
    return (
        np.where(columns.are_numbers, low - width, -np.inf),
        np.where(columns.are_numbers, high + width, np.inf),
    )
