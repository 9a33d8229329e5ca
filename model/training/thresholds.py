"""Choose thresholds, and count what thresholds would have done, on labelled rows.

Use rows scored by a booster that was not fitted on them.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betaincinv

from model.manifest import Capacity, Costs, Limits, Policy, Precision
from payments.arrays import Flags, Floats, Ints
from payments.contract import Thresholds

# 284,807 transactions in the two days of creditcard.csv.
TRANSACTIONS_A_DAY = 142_404
DEFAULT_POLICY = Limits(
    review=Capacity(alerts_per_day=100), block=Precision(precision=0.95, confidence=0.9)
)
# Thresholds are strictly between 0, which would make every payment an alert, and 1.
_LOWEST = float(np.nextafter(0.0, 1.0))
UNREACHABLE = float(np.nextafter(1.0, 0.0))  # flags nothing


@dataclass(frozen=True)
class LabelledScores:
    """Scores and labels of n rows.

    float64[n] probabilities, bool[n] truth, float64[n] amounts, and int[n] `periods`, the period of
    time of each row; None if there is only one.
    """

    probabilities: Floats
    is_fraud: Flags
    amounts: Floats
    periods: NDArray[np.int8] | None = None

    @classmethod
    def from_reference(cls, reference: pd.DataFrame) -> Self:
        """Read the columns probability, Class, Amount and fold."""
        columns = ("probability", "Class", "Amount", "fold")
        probability, label, amount, fold = (reference[name].to_numpy() for name in columns)
        return cls(probability, label == 1, amount, fold)


@dataclass(frozen=True)
class Outcome:
    """What a threshold does to labelled rows.

    `flagged` rows reach it, and `caught` of them are frauds. `frauds` and `legitimate` count all
    rows. The amounts, in the currency of Amount, are the sums over the frauds caught, all frauds,
    the legitimate payments flagged, and all legitimate payments.
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
        """Share of the flagged rows that are frauds; None if nothing is flagged."""
        return self.caught / self.flagged if self.flagged else None

    @property
    def recall(self) -> float | None:
        """Share of the frauds that are flagged; None if there are none."""
        return self.caught / self.frauds if self.frauds else None

    @property
    def stopped(self) -> int:
        """Number of legitimate payments flagged."""
        return self.flagged - self.caught

    @property
    def stopped_share(self) -> float | None:
        """Share of the legitimate payments that are flagged; None if there are none."""
        return self.stopped / self.legitimate if self.legitimate else None

    @property
    def alerts_a_day(self) -> float:
        """Rows flagged, scaled to TRANSACTIONS_A_DAY. Needs at least one row."""
        return self.flagged * TRANSACTIONS_A_DAY / (self.frauds + self.legitimate)

    def precision_lower_bound(self, confidence: float) -> float:
        """Return the lower confidence bound of the precision; see `precision_lower_bounds`."""
        flagged = np.array([self.flagged])
        caught = np.array([self.caught])
        return float(precision_lower_bounds(flagged, caught, confidence)[0])


def apply_threshold(scored: LabelledScores, threshold: float) -> Outcome:
    """Count what a threshold does to the rows."""
    flagged = scored.probabilities >= threshold
    fraud = scored.is_fraud
    amounts = scored.amounts
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
    """Count what both thresholds do. `review` counts all alerts, including blocked payments."""
    return {
        name: apply_threshold(scored, threshold)
        for name, threshold in thresholds.model_dump().items()
    }


def precision_lower_bounds(flagged: Ints, caught: Ints, confidence: float) -> Floats:
    """Return exact one-sided lower bounds, float64[n], of int[n] caught / int[n] flagged.

    Clopper and Pearson, Biometrika 26 (1934). Normal approximations, including Wilson's, are too
    optimistic near 1 when one-sided: T. Cai, One-sided confidence intervals in discrete
    distributions, JSPI 131 (2005). For 37 of 37 Wilson gives 0.957, but a true share of 0.95 gives
    37 of 37 in 15% of cases.
    """
    bounds = np.zeros(len(caught))
    some = caught > 0
    bounds[some] = betaincinv(caught[some], flagged[some] - caught[some] + 1, 1 - confidence)
    return bounds


def choose_thresholds(policy: Policy, scored: LabelledScores) -> Thresholds:
    """Choose thresholds by a policy on these rows, with 0 < review <= block < 1.

    A threshold is UNREACHABLE if nothing should be flagged.
    """
    return _cheapest(policy, scored) if isinstance(policy, Costs) else _within(policy, scored)


def _within(limits: Limits, scored: LabelledScores) -> Thresholds:
    """Choose `review` by capacity and `block` by precision.

    review: the median over the periods of the lowest score that flags at most as many rows as the
    capacity allows, in proportion to TRANSACTIONS_A_DAY and at least one. The median, because in
    all rows together a single period with many frauds would raise it for all others. block: the
    lowest score, not below `review`, at which the lower bound of the precision is high enough;
    UNREACHABLE if there is none.
    """
    scores, flagged, caught = _cumulative(scored)
    periods = np.zeros(len(scored.probabilities)) if scored.periods is None else scored.periods
    by_period = [
        _lowest_within_capacity(limits.review, scored.probabilities[periods == period])
        for period in np.unique(periods)
    ]
    review = _clamp(float(np.median(by_period)))
    bounds = precision_lower_bounds(flagged, caught, limits.block.confidence)
    precise = scores[(bounds >= limits.block.precision) & (scores >= review)]
    return Thresholds(review=review, block=_clamp(precise[-1]) if len(precise) else UNREACHABLE)


def _lowest_within_capacity(capacity: Capacity, probabilities: Floats) -> float:
    scores, counts = np.unique(-probabilities, return_counts=True)
    rows = max(1, round(capacity.alerts_per_day * len(probabilities) / TRANSACTIONS_A_DAY))
    fits = np.cumsum(counts) <= rows
    # If more rows share the highest score than fit, that score still gives the fewest alerts.
    return -float(scores[fits][-1] if fits.any() else scores[0])


def _cheapest(costs: Costs, scored: LabelledScores) -> Thresholds:
    """Return the pair with the lowest total cost on these rows; of equals, that with fewest alerts.

    Each reviewed payment costs `cost_review`, and reviewed frauds are stopped in time. A blocked
    legitimate payment costs `cost_block`, a blocked fraud nothing. An approved fraud costs its
    Amount, an approved legitimate payment nothing. The minimum holds only if no score is exactly
    0 or 1, because thresholds are strictly between them.
    """
    scores, flagged, caught = _cumulative(scored)
    order = np.argsort(-scored.probabilities, kind="stable")
    saved = np.cumsum(np.where(scored.is_fraud, scored.amounts, 0.0)[order])[flagged - 1]
    # Index 0: no row; index k: the rows down to the k-th score. Blocking the rows down to i and
    # reviewing those from i to j costs block[i] + review[j], so the best i for each j is a running
    # minimum.
    rows = np.append(0, flagged)
    block = costs.cost_block * np.append(0, flagged - caught) - costs.cost_review * rows
    review = costs.cost_review * rows - np.append(0.0, saved)
    last = int(np.argmin(np.minimum.accumulate(block) + review))
    first = int(np.argmin(block[: last + 1]))
    cuts = np.append(UNREACHABLE, scores)
    return Thresholds(review=_clamp(cuts[last]), block=_clamp(cuts[first]))


def total_cost(costs: Costs, thresholds: Thresholds, scored: LabelledScores) -> float:
    """Return what these thresholds would have cost on these rows, as in `choose_thresholds`."""
    review = apply_threshold(scored, thresholds.review)
    block = apply_threshold(scored, thresholds.block)
    missed = review.fraud_amount - review.caught_amount
    return (
        costs.cost_review * (review.flagged - block.flagged)
        + costs.cost_block * block.stopped
        + missed
    )


def _clamp(threshold: float) -> float:
    return min(max(float(threshold), _LOWEST), UNREACHABLE)


def _cumulative(
    scored: LabelledScores,
) -> tuple[Floats, Ints, Ints]:
    """Return the distinct scores from the highest, the rows at or above each, and their frauds."""
    order = np.argsort(-scored.probabilities, kind="stable")
    ordered = scored.probabilities[order]
    last_of_score = np.append(ordered[1:] != ordered[:-1], True)
    return (
        ordered[last_of_score],
        np.arange(1, len(ordered) + 1)[last_of_score],
        np.cumsum(scored.is_fraud[order])[last_of_score],
    )
