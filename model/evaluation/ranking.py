"""Metrics of a ranking of rows by score, under any weights of the rows: sorted once, however many samples are judged.

All metrics change only where frauds are, so the rows are pooled into segments between the frauds' distinct scores, and a sample is
reduced to its weight in each segment.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FALSE_POSITIVE_RATE = 0.01
PRECISION = 0.9
METRICS = ("auprc", "roc_auc", "recall_at_fpr_1pct", "recall_at_precision_90")


class Ranking:
    """The order that scores, float64[n], bring rows into; the truth is bool[n]. Rows of one score stay together."""

    def __init__(self, scores: Floats, is_fraud: NDArray[np.bool_]) -> None:
        ascending = np.unique(scores[is_fraud])
        self._levels = len(ascending)
        above = self._levels - np.searchsorted(
            ascending, scores, side="right"
        )  # frauds' scores that are higher than the row's
        tied = np.isin(scores, ascending)
        # For each level, from the highest on: legitimate rows between it and the level above, legitimate rows of its score, frauds.
        self._segments = 3 * above + tied + is_fraud

    def metrics(self, weights: Floats) -> Floats:
        """float64[n] weights to float64[4] in the order of METRICS; NaN where a class has no weight.

        - auprc: average precision, the sum of precision times the step in recall (scikit-learn's `average_precision_score`).
        - roc_auc: the chance that a fraud scores higher than a legitimate row, ties count half (Hanley and McNeil, Radiology 143, 1982).
        - recall_at_fpr_1pct: the highest recall at a false-positive rate of at most FALSE_POSITIVE_RATE.
        - recall_at_precision_90: the highest recall at a precision of at least PRECISION.
        """
        within = np.bincount(self._segments, weights, minlength=3 * self._levels + 1)
        frauds, tied = within[2::3], within[1::3]
        caught, higher = np.cumsum(frauds), np.cumsum(within[::3])
        false_alarms = higher[:-1] + np.cumsum(tied)
        positives, negatives = frauds.sum(), higher[-1] + tied.sum()
        if not positives:
            return np.full(len(METRICS), np.nan)
        with np.errstate(
            invalid="ignore"
        ):  # 0/0 where nothing drawn scores so high: no fraud stands there, and the terms vanish
            precision = np.nan_to_num(caught / (caught + false_alarms))
        average = float((frauds * precision).sum() / positives)
        precise = float(caught[precision >= PRECISION].max(initial=0.0) / positives)
        if not negatives:
            return np.array([average, np.nan, np.nan, precise])
        lower = negatives - false_alarms + tied / 2
        allowed = false_alarms / negatives <= FALSE_POSITIVE_RATE
        return np.array(
            [
                average,
                float((frauds * lower).sum() / (positives * negatives)),
                float(caught[allowed].max(initial=0.0) / positives),
                precise,
            ]
        )
