"""Whether a window is drift, and in what: the one place where that is decided.

One method for every column: the Wasserstein distance in standard deviations of the rows that the window is compared with, which is
Evidently's "wasserstein" (evidently 0.7.23, evidently/legacy/calculations/stattests/wasserstein_distance_norm.py), so that reports and
gauges agree. Beside it an exact test on the margin's upper tail, where the alerts are, and one for a column that stands still.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import logit

from drift.detect import calibration, constant_value, tail_test
from drift.detect.calibration import BASELINE_ROWS, Thresholds
from drift.detect.wasserstein import by_column, evenly, together, wasserstein
from drift.windows.rolling_baseline import Trailing
from drift.windows.window import Floats
from payments.contract import INPUTS

COLUMNS = (*INPUTS, "margin")
METHOD = "wasserstein"

# Below this a window gets no verdict: the contract of `fraud monitor`.
MIN_EVENTS = 500
# Rows of a window that Evidently sees: as many as of the baseline.
SAMPLE_ROWS = BASELINE_ROWS
DRIFT_SHARE = 1 / len(COLUMNS)
"""The score from which a window is drift: thresholds are family-wise, so one column over its own is."""
# Evidently's floor for the standard deviation that distances are divided by (source above).
_MIN_DEVIATION = 0.001
_MARGIN = COLUMNS.index("margin")


@dataclass(frozen=True)
class Verdict:
    """What a window was found to be, against `beside`: stretches of rows, float64[columns, rows] each.

    `distances`: by column, in standard deviations of the baseline, as `limits` are, from which on a column is over. `score`: share of
    columns at or over their limit, 0..1. `tail`: the surprise of the margin's tail divided by its threshold, so from 1 on it is drift.
    `stuck`: by column, how much more than before one value takes, divided by its threshold. `detected`: whether any of these is.
    `from_reference`: distances to the model's reference, which are to be shown and raise no alarm.
    """

    distances: dict[str, float]
    score: float
    detected: bool
    limits: dict[str, float]
    tail: float
    stuck: dict[str, float]
    from_reference: dict[str, float]
    beside: tuple[Floats, ...]

    @property
    def baseline(self) -> Floats:
        """float64[rows, columns], in order of time."""
        return np.array(np.concatenate(self.beside, axis=1).T, order="C")

    @property
    def ranked(self) -> list[tuple[str, float]]:
        """Each of the model's inputs with what is farther over its threshold, its distance or what is stuck of it, the largest first.

        The margin follows from them.
        """
        found = {
            name: max(self.distances[name] / self.limits[name], self.stuck[name]) for name in INPUTS
        }
        return sorted(found.items(), key=lambda one: -one[1])


def margins(probabilities: Floats) -> Floats:
    """The booster's margins behind probabilities: the inverse of the logistic function, finite for 0 and 1 too."""
    ends = np.finfo(np.float64)
    return np.asarray(logit(np.clip(probabilities, ends.tiny, 1 - ends.epsneg)), np.float64)


class Reference:
    """The model's held-back rows, float64[rows, columns] in time order: thresholds come from them, and the first window faces them."""

    def __init__(self, rows: Floats) -> None:
        self._rows = rows
        # Evenly spaced in time, so that each hour weighs as much as it does in the reference.
        self.sample: Floats = evenly(rows, BASELINE_ROWS)
        self._sorted = by_column(self.sample)
        self._unit = _deviations(self._sorted)
        self._cuts = tail_test.cuts(rows[:, _MARGIN])
        self._beyond = tail_test.counts(rows[:, _MARGIN], self._cuts)
        # A size and ten lengths of what came before, and as many again where windows are closed early; each takes about a second.
        self._thresholds = lru_cache(maxsize=32)(self._calibrated)

    def judge(self, rows: Floats, trailing: Trailing | None = None) -> Verdict | None:
        """The verdict on a window's rows, by limits for exactly its size; None under MIN_EVENTS.

        It is compared with the windows before it, however few there are yet; where there are none, with the reference.
        """
        if len(rows) < MIN_EVENTS:
            return None
        before = trailing if trailing is not None and len(trailing) else None
        thresholds, most = self._thresholds(len(rows), before.span if before else None)
        current, beside = by_column(rows), before.shown if before else (self.sample.T,)
        known = together(beside) if before else self._sorted
        from_reference = wasserstein(self._sorted, current)
        apart = wasserstein(known, current) if before else from_reference
        unit = _deviations(known) if before else self._unit
        over, tail = int((apart >= thresholds.distances).sum()), self._surprise(rows, before) / most
        still = constant_value.excess(known, current) / thresholds.stuck
        return Verdict(
            distances=_by_name(apart / unit),
            score=over / len(COLUMNS),
            detected=over > 0 or tail >= 1 or bool((still >= 1).any()),
            limits=_by_name(thresholds.distances / unit),
            tail=tail,
            stuck=_by_name(still),
            from_reference=_by_name(from_reference / self._unit),
            beside=beside,
        )

    def _surprise(self, rows: Floats, before: Trailing | None) -> float:
        beyond, span = (
            (tail_test.counts(before.margins, self._cuts), before.span)
            if before
            else (self._beyond, len(self._rows))
        )
        return float(
            tail_test.surprise(
                tail_test.counts(rows[:, _MARGIN], self._cuts), len(rows), beyond, span
            ).max()
        )

    def _calibrated(self, size: int, span: int | None) -> tuple[Thresholds, float]:
        own = self._rows[:, _MARGIN]
        return calibration.thresholds(self._rows, size, span), tail_test.threshold(
            own, self._cuts, size, span
        )


def _deviations(columns: Floats) -> Floats:
    """float64[columns, rows] to float64[columns]."""
    return np.asarray(np.maximum(columns.std(axis=1), _MIN_DEVIATION))


def _by_name(values: Floats) -> dict[str, float]:
    return dict(zip(COLUMNS, values.tolist(), strict=True))
