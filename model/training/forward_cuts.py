"""Try a policy as it will be used: on rows later than all that chose its thresholds.

The second half of the training part is cut into segments. A booster is fitted up to the start of
each and scores the segments that follow, up to its horizon. At a cut, calibration and thresholds
come from the segments before it, each scored by the booster that ends at its start; they are then
applied to the scores of the cut's own booster. The scores are columns of the reference, so other
policies can be tried without fitting again.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xgboost

from model.artefact import compute_probabilities
from model.dataset import make_matrix
from model.manifest import Calibration, ForwardCut, Manifest, Policy, Rows
from model.training.calibration import fit_platt_scaling
from model.training.thresholds import (
    LabelledScores,
    apply_threshold,
    choose_thresholds,
    measure_payments_per_day,
)
from payments.arrays import Floats
from payments.features import FeatureEncoder

SEGMENT = "segment"
_FOLDS = 3  # whose middle threshold is chosen for a capacity


@dataclass(frozen=True)
class Cut:
    """Rows before a cut, out of fold, and those after it, scored by a booster fitted up to it.

    `first` is the number of the first row before it, and `at` of the first one after it. Both are
    calibrated on the rows before it. `following` are those of `after` up to the next cut, and
    `uncalibrated` their probabilities without calibration, float64.
    """

    first: int
    at: int
    before: LabelledScores
    after: LabelledScores
    following: LabelledScores
    uncalibrated: Floats

    def try_policy(self, policy: Policy) -> ForwardCut:
        """Choose thresholds on the rows before the cut, and apply them to those after it."""
        thresholds = choose_thresholds(policy, self.before)
        review = apply_threshold(self.after, thresholds.review)
        block = apply_threshold(self.after, thresholds.block)
        judged = len(self.after.is_fraud)
        return ForwardCut(
            fitted=Rows(first=0, last=self.at - 1, rows=self.at),
            judged=Rows(first=self.at, last=self.at + judged - 1, rows=judged),
            days=self.after.days,
            review=thresholds.review,
            frauds=review.frauds,
            flagged=review.flagged,
            caught=review.caught,
            blocked=block.flagged,
            blocked_frauds=block.caught,
        )


def score_ahead(
    table: pd.DataFrame,
    edges: Sequence[int],
    fit: Callable[[pd.DataFrame], xgboost.Booster],
    encoder: FeatureEncoder,
) -> pd.DataFrame:
    """Return the columns of a reference that `read_cuts` reads, for the rows of all segments.

    `edges` are the first row of each segment, and the end of the last.

    `segment` numbers the segments from 0. `ahead_1` to `ahead_<horizon>` are raw margins, float32:
    in segment s, `ahead_k` is from the booster that ends at the start of segment s - k + 1, and NaN
    if there is none. The horizon is half of the segments.
    """
    segments = len(edges) - 1
    horizon = segments // 2
    first = edges[0]
    rows = edges[-1] - first
    ahead = np.full((horizon, rows), np.nan, np.float32)
    for number in range(segments):
        booster = fit(table[: edges[number]])
        for step, (start, stop) in enumerate(
            zip(edges[number:-1], edges[number + 1 :], strict=True)
        ):
            if step < horizon:
                ahead[step, start - first : stop - first] = booster.inplace_predict(
                    make_matrix(table[start:stop], encoder), predict_type="margin"
                )
    segment = np.repeat(np.arange(segments, dtype=np.int8), np.diff(edges))
    return pd.DataFrame(
        {SEGMENT: segment, **{_ahead(k): ahead[k - 1] for k in range(1, horizon + 1)}}
    )


def read_cuts(reference: pd.DataFrame, first: int, payments_per_day: float | None) -> list[Cut]:
    """Return the cuts of a reference whose first row has this number in its file.

    None of a model of an earlier release.
    """
    if SEGMENT not in reference:
        return []
    rate = payments_per_day or measure_payments_per_day(reference)
    segment = reference[SEGMENT].to_numpy()
    truth = reference["Class"].to_numpy() == 1
    amounts = reference["Amount"].to_numpy(np.float64)
    horizon = sum(str(name).startswith("ahead_") for name in reference)
    ahead = [reference[_ahead(k)].to_numpy(np.float64) for k in range(1, horizon + 1)]

    def score(raw: Floats, rows: slice, calibration: Calibration) -> LabelledScores:
        count = rows.stop - rows.start
        return LabelledScores(
            compute_probabilities(calibration.scale * raw + calibration.offset),
            truth[rows],
            amounts[rows],
            count / rate,
            (np.arange(count) * _FOLDS // count).astype(np.int8),
        )

    cuts = []
    for number in range(1, int(segment[-1]) + 1):
        at = int(np.searchsorted(segment, number))
        end = int(np.searchsorted(segment, number + horizon))
        calibration = fit_platt_scaling(ahead[0][:at], truth[:at])
        steps = segment[at:end] - number
        after = np.choose(steps, [margins[at:end] for margins in ahead])
        following = slice(at, int(np.searchsorted(segment, number + 1)))
        cuts.append(
            Cut(
                first=first,
                at=first + at,
                before=score(ahead[0][:at], slice(0, at), calibration),
                after=score(after, slice(at, end), calibration),
                following=score(ahead[0][following], following, calibration),
                uncalibrated=compute_probabilities(ahead[0][following]),
            )
        )
    return cuts


def try_policy(
    policy: Policy, reference: pd.DataFrame, manifest: Manifest
) -> tuple[ForwardCut, ...]:
    """Try a policy at the cuts of a model's reference."""
    cuts = read_cuts(reference, manifest.out_of_fold.first, manifest.payments_per_day)
    return tuple(cut.try_policy(policy) for cut in cuts)


@dataclass(frozen=True)
class Range:
    """The mean, lowest and highest of some values."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float | None]) -> "Range | None":
        """Return the range of the values that are defined; None if none is."""
        defined = [value for value in values if value is not None]
        if not defined:
            return None
        return cls(sum(defined) / len(defined), min(defined), max(defined))


@dataclass(frozen=True)
class CutRanges:
    """What a policy gave at the cuts, each None if undefined at all of them."""

    alerts_per_day: Range | None
    precision: Range | None
    recall: Range | None

    @classmethod
    def of(cls, cuts: Sequence[ForwardCut]) -> "CutRanges":
        """Return the ranges over cuts."""
        return cls(
            Range.of(cut.alerts_per_day for cut in cuts),
            Range.of(cut.precision for cut in cuts),
            Range.of(cut.recall for cut in cuts),
        )


def _ahead(step: int) -> str:
    return f"ahead_{step}"
