"""Thresholds from rows that the booster was not fitted on, and what they would have done there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.contract import Thresholds

# 284,807 transactions in the two days of creditcard.csv.
TRANSACTIONS_A_DAY = 142_404
ALERTS_A_DAY = 100
BLOCK_PRECISION = 0.95
_LEAST, _MOST = float(np.nextafter(0.0, 1.0)), float(np.nextafter(1.0, 0.0))


@dataclass(frozen=True)
class Outcome:
    """What a threshold does to labelled rows: `flagged` of them reach it, `caught` of those are among the `frauds`."""

    flagged: int
    caught: int
    frauds: int

    @property
    def precision(self) -> float | None:
        """Share of the flagged that are fraud; None when nothing is flagged."""
        return self.caught / self.flagged if self.flagged else None

    @property
    def recall(self) -> float | None:
        """Share of the frauds that are flagged; None when there is no fraud."""
        return self.caught / self.frauds if self.frauds else None


def outcome(probabilities: NDArray[np.float64], is_fraud: NDArray[np.bool_], threshold: float) -> Outcome:
    """Judges a threshold on float64[n] probabilities and bool[n] truth."""
    flagged = probabilities >= threshold
    return Outcome(int(flagged.sum()), int((flagged & is_fraud).sum()), int(is_fraud.sum()))


def outcomes(thresholds: Thresholds, probabilities: NDArray[np.float64], is_fraud: NDArray[np.bool_]) -> dict[str, Outcome]:
    """Both thresholds judged: `review` flags every alert, stopped payments included."""
    return {name: outcome(probabilities, is_fraud, threshold) for name, threshold in thresholds.model_dump().items()}


def choose(probabilities: NDArray[np.float64], is_fraud: NDArray[np.bool_]) -> Thresholds:
    """`review` by capacity, `block` by precision; 0 < review <= block < 1.

    review: the lowest score that flags at most ALERTS_A_DAY, scaled from TRANSACTIONS_A_DAY to the number of rows (one row at least).
    block: the lowest score, of those that are at least `review` and BLOCK_PRECISION, from which on BLOCK_PRECISION of the rows are fraud:
    where few frauds are held back, a run of lucky rows does not overrule the score's own doubt. Where there is none, nothing is stopped:
    the largest number below 1.
    """
    scores, flagged, caught = _cumulative(probabilities, is_fraud)
    capacity = max(1, round(ALERTS_A_DAY * len(probabilities) / TRANSACTIONS_A_DAY))
    fits = scores[flagged <= capacity]
    # Where even the highest score is shared by more rows than capacity allows, that score is still the fewest alerts possible.
    review = min(max(float(fits[-1] if len(fits) else scores[0]), _LEAST), _MOST)
    precise = scores[(caught / flagged >= BLOCK_PRECISION) & (scores >= max(review, BLOCK_PRECISION))]
    return Thresholds(review=review, block=min(float(precise[-1]), _MOST) if len(precise) else _MOST)


def _cumulative(
    probabilities: NDArray[np.float64], is_fraud: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Distinct scores from the highest on, the rows at or above each, and the frauds among them."""
    order = np.argsort(-probabilities, kind="stable")
    ordered = probabilities[order]
    last_of_score = np.append(ordered[1:] != ordered[:-1], True)
    return ordered[last_of_score], np.arange(1, len(ordered) + 1)[last_of_score], np.cumsum(is_fraud[order])[last_of_score]
