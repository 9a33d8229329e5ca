"""Metrics of a ranking of rows by score, for any weights of the rows, with a single sort.

All metrics change only at frauds. So rows are pooled into segments between the frauds' distinct
scores, and a bootstrap sample is reduced to its weight in each segment.
"""

import numpy as np

from payments.arrays import Flags, Floats

FALSE_POSITIVE_RATE = 0.01
PRECISION = 0.9
METRICS = ("auprc", "roc_auc", "recall_at_fpr_1pct", "recall_at_precision_90")


class Ranking:
    """Rows ordered by float64[n] scores, with bool[n] truth.

    Rows with equal scores stay together.
    """

    def __init__(self, scores: Floats, is_fraud: Flags) -> None:
        ascending = np.unique(scores[is_fraud])
        self._levels = len(ascending)
        # How many of the frauds' distinct scores are higher than each row's score.
        above = self._levels - np.searchsorted(ascending, scores, side="right")
        tied = np.isin(scores, ascending)
        # For each distinct score of a fraud, from the highest: legitimate rows between it and the
        # one above, legitimate rows with this score, and frauds.
        self._segments = 3 * above + tied + is_fraud

    def compute(self, weights: Floats) -> Floats:
        """Return float64[4] in the order of METRICS for float64[n] weights; NaN if undefined.

        - auprc: average precision, the sum of precision times the step in recall, as scikit-learn's
          `average_precision_score`.
        - roc_auc: the chance that a fraud scores higher than a legitimate row, counting ties half
          (Hanley and McNeil, Radiology 143, 1982).
        - recall_at_fpr_1pct: the highest recall at a false-positive rate of at most
          FALSE_POSITIVE_RATE.
        - recall_at_precision_90: the highest recall at a precision of at least PRECISION.
        """
        within = np.bincount(self._segments, weights, minlength=3 * self._levels + 1)
        frauds = within[2::3]
        tied = within[1::3]
        caught = np.cumsum(frauds)
        higher = np.cumsum(within[::3])
        false_alarms = higher[:-1] + np.cumsum(tied)
        positives = frauds.sum()
        negatives = higher[-1] + tied.sum()
        if not positives:
            return np.full(len(METRICS), np.nan)
        # 0/0 if no drawn row scores so high. There are no frauds there either, so the terms are 0.
        with np.errstate(invalid="ignore"):
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
