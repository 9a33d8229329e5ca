"""Thresholds from rows that the booster which scored them was not fitted on, and what they would have done there."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betaincinv

from model.manifest import Capacity, Costs, Limits, Policy, Precision
from payments.contract import Thresholds

# 284,807 transactions in the two days of creditcard.csv.
TRANSACTIONS_A_DAY = 142_404
DEFAULT_POLICY = Limits(
    review=Capacity(alerts_per_day=100), block=Precision(precision=0.95, confidence=0.9)
)
# A threshold that nothing reaches is the largest number below 1; none is 0, for then everything would be an alert.
_LEAST, UNREACHABLE = float(np.nextafter(0.0, 1.0)), float(np.nextafter(1.0, 0.0))


@dataclass(frozen=True)
class LabelledScores:
    """Labelled rows with their scores: float64[n] probabilities, bool[n] truth, float64[n] amounts.

    `periods`: int[n], which stretch of time a row belongs to; None where they are all of one.
    """

    probabilities: NDArray[np.float64]
    is_fraud: NDArray[np.bool_]
    amounts: NDArray[np.float64]
    periods: NDArray[np.int8] | None = None

    @classmethod
    def from_reference(cls, reference: pd.DataFrame) -> Self:
        """From the columns probability, Class, Amount and fold."""
        probability, label, amount, fold = (
            reference[name].to_numpy() for name in ("probability", "Class", "Amount", "fold")
        )
        return cls(probability, label == 1, amount, fold)


@dataclass(frozen=True)
class Outcome:
    """What a threshold does to labelled rows: `flagged` of them reach it, `caught` of those are among the `frauds`.

    `legitimate` rows there are in all. Money, in the currency of Amount: of the frauds caught, of all frauds, of the legitimate
    payments flagged, and of all legitimate ones.
    """

    flagged: int
    caught: int
    frauds: int
    legitimate: int
    caught_amount: float
    fraud_amount: float
    stopped_amount: float
    legitimate_amount: float

    @property
    def precision(self) -> float | None:
        """Share of the flagged that are fraud; None when nothing is flagged."""
        return self.caught / self.flagged if self.flagged else None

    @property
    def recall(self) -> float | None:
        """Share of the frauds that are flagged; None when there is no fraud."""
        return self.caught / self.frauds if self.frauds else None

    @property
    def stopped(self) -> int:
        """Legitimate payments among the flagged."""
        return self.flagged - self.caught

    @property
    def stopped_share(self) -> float | None:
        """Share of the legitimate payments that are flagged; None when there are none."""
        return self.stopped / self.legitimate if self.legitimate else None

    @property
    def alerts_a_day(self) -> float:
        """The rows flagged, scaled to TRANSACTIONS_A_DAY; there is at least one row."""
        return self.flagged * TRANSACTIONS_A_DAY / (self.frauds + self.legitimate)

    def precision_lower_bound(self, confidence: float) -> float:
        """The lower bound of `precision_lower_bounds`."""
        return float(
            precision_lower_bounds(np.array([self.flagged]), np.array([self.caught]), confidence)[0]
        )


def apply_threshold(scored: LabelledScores, threshold: float) -> Outcome:
    """Judges a threshold."""
    flagged, fraud, amounts = scored.probabilities >= threshold, scored.is_fraud, scored.amounts
    return Outcome(
        flagged=int(flagged.sum()),
        caught=int((flagged & fraud).sum()),
        frauds=int(fraud.sum()),
        legitimate=int((~fraud).sum()),
        caught_amount=float(amounts[flagged & fraud].sum()),
        fraud_amount=float(amounts[fraud].sum()),
        stopped_amount=float(amounts[flagged & ~fraud].sum()),
        legitimate_amount=float(amounts[~fraud].sum()),
    )


def apply_thresholds(thresholds: Thresholds, scored: LabelledScores) -> dict[str, Outcome]:
    """Both thresholds judged: `review` flags every alert, stopped payments included."""
    return {
        name: apply_threshold(scored, threshold)
        for name, threshold in thresholds.model_dump().items()
    }


def precision_lower_bounds(
    flagged: NDArray[np.int64], caught: NDArray[np.int64], confidence: float
) -> NDArray[np.float64]:
    """Exact one-sided lower bound for the share int[n] caught of int[n] flagged: Clopper and Pearson, Biometrika 26 (1934).

    The normal approximations (Wilson's too) promise more than they hold one-sidedly near 1: T. Cai, One-sided confidence intervals in
    discrete distributions, JSPI 131 (2005). At 37 of 37 Wilson says 0.957, but a true share of 0.95 gives 37 of 37 in 15 % of cases.
    """
    bounds = np.zeros(len(caught))
    some = caught > 0
    bounds[some] = betaincinv(caught[some], flagged[some] - caught[some] + 1, 1 - confidence)
    return bounds


def choose_thresholds(policy: Policy, scored: LabelledScores) -> Thresholds:
    """The thresholds that a policy asks for on these rows: 0 < review <= block < 1; UNREACHABLE where nothing is to be flagged."""
    return _cheapest(policy, scored) if isinstance(policy, Costs) else _within(policy, scored)


def _within(limits: Limits, scored: LabelledScores) -> Thresholds:
    """`review` by capacity, `block` by precision.

    review: the median over the periods of the lowest score that flags at most as many rows as there is room for, in proportion to
    TRANSACTIONS_A_DAY (one at least). Not that of all rows together: one period with many frauds would raise it for all others.
    block: the lowest score, not below `review`, from which on the lower bound of precision is reached; UNREACHABLE where there is none.
    """
    scores, flagged, caught = _cumulative(scored)
    periods = np.zeros(len(scored.probabilities)) if scored.periods is None else scored.periods
    rooms = [
        _with_room(limits.review, scored.probabilities[periods == period])
        for period in np.unique(periods)
    ]
    review = _inside(float(np.median(rooms)))
    precise = scores[
        (precision_lower_bounds(flagged, caught, limits.block.confidence) >= limits.block.precision)
        & (scores >= review)
    ]
    return Thresholds(review=review, block=_inside(precise[-1]) if len(precise) else UNREACHABLE)


def _with_room(capacity: Capacity, probabilities: NDArray[np.float64]) -> float:
    scores, counts = np.unique(-probabilities, return_counts=True)
    fits = np.cumsum(counts) <= max(
        1, round(capacity.alerts_per_day * len(probabilities) / TRANSACTIONS_A_DAY)
    )
    # Where even the highest score is shared by more rows than capacity allows, that score is still the fewest alerts possible.
    return -float(scores[fits][-1] if fits.any() else scores[0])


def _cheapest(costs: Costs, scored: LabelledScores) -> Thresholds:
    """The fixed pair of least total cost on these rows; of equals, the one with the fewest alerts.

    A payment sent to review costs `cost_review`, whatever it is, and a fraud among them is stopped in time. A blocked fraud costs
    nothing, a blocked legitimate payment `cost_block`. An approved fraud costs its Amount, an approved legitimate payment nothing.
    Least of all only where no score is exactly 0 or 1: a threshold between the two never flags the one and always the other.
    """
    scores, flagged, caught = _cumulative(scored)
    order = np.argsort(-scored.probabilities, kind="stable")
    saved = np.cumsum(np.where(scored.is_fraud, scored.amounts, 0.0)[order])[flagged - 1]
    # Index 0: no row; index k: the rows down to the k-th score. Blocking the rows down to i and reviewing those from there to j costs
    # stop[i] + look[j], so the best i for every j is a running minimum.
    rows = np.append(0, flagged)
    stop = costs.cost_block * np.append(0, flagged - caught) - costs.cost_review * rows
    look = costs.cost_review * rows - np.append(0.0, saved)
    last = int(np.argmin(np.minimum.accumulate(stop) + look))
    first = int(np.argmin(stop[: last + 1]))
    cuts = np.append(UNREACHABLE, scores)
    return Thresholds(review=_inside(cuts[last]), block=_inside(cuts[first]))


def total_cost(costs: Costs, thresholds: Thresholds, scored: LabelledScores) -> float:
    """What these thresholds would have cost on these rows, as `choose` counts it."""
    review, block = (
        apply_threshold(scored, threshold) for threshold in (thresholds.review, thresholds.block)
    )
    missed = review.fraud_amount - review.caught_amount
    return (
        costs.cost_review * (review.flagged - block.flagged)
        + costs.cost_block * block.stopped
        + missed
    )


def _inside(threshold: float) -> float:
    return min(max(float(threshold), _LEAST), UNREACHABLE)


def _cumulative(
    scored: LabelledScores,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Distinct scores from the highest on, the rows at or above each, and the frauds among them."""
    order = np.argsort(-scored.probabilities, kind="stable")
    ordered = scored.probabilities[order]
    last_of_score = np.append(ordered[1:] != ordered[:-1], True)
    return (
        ordered[last_of_score],
        np.arange(1, len(ordered) + 1)[last_of_score],
        np.cumsum(scored.is_fraud[order])[last_of_score],
    )
