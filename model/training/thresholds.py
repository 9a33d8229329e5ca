"""Choose thresholds, and count what thresholds would have done, on labelled rows.

Use rows scored by a booster that was not fitted on them.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betaincinv

from model.errors import TrainingError
from model.manifest import Capacity, Costs, Limits, Policy, Precision, Score
from payments.arrays import Flags, Floats, Ints
from payments.contract import Thresholds

SECONDS_A_DAY = 86_400
# docs/decisions/0016 gives the reasons for the score.
DEFAULT_POLICY = Limits(
    review=Score(probability=0.2), block=Precision(precision=0.95, confidence=0.9)
)
# Thresholds are strictly between 0, which would make every payment an alert, and 1.
_LOWEST = float(np.nextafter(0.0, 1.0))
UNREACHABLE = float(np.nextafter(1.0, 0.0))  # flags nothing


@dataclass(frozen=True)
class LabelledScores:
    """Scores and labels of n rows.

    float64[n] probabilities, bool[n] truth, float64[n] amounts, the `days` in which such payments
    arrive, and int[n] `periods`, the period of time of each row; None if there is only one.
    """

    probabilities: Floats
    is_fraud: Flags
    amounts: Floats
    days: float
    periods: NDArray[np.int8] | None = None

    @classmethod
    def from_reference(cls, reference: pd.DataFrame, payments_per_day: float | None) -> Self:
        """Read the columns Time, probability, Class, Amount and fold.

        Models of an earlier release do not know their `payments_per_day`; then Time tells.
        """
        columns = ("probability", "Class", "Amount", "fold")
        probability, label, amount, fold = (reference[name].to_numpy() for name in columns)
        rate = payments_per_day or measure_payments_per_day(reference)
        return cls(probability, label == 1, amount, len(reference) / rate, fold)


@dataclass(frozen=True)
class Outcome:
    """What a threshold does to labelled rows.

    `flagged` rows reach it, and `caught` of them are frauds. `frauds` and `legitimate` count all
    rows. The amounts, in the currency of Amount, are the sums over the frauds caught, all frauds,
    the legitimate payments flagged, and all legitimate payments. `days`: in which such payments
    arrive.
    """

    flagged: int
    caught: int
    frauds: int
    legitimate: int
    caught_amount: float
    fraud_amount: float
    stopped_amount: float
    legitimate_amount: float
    days: float

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
        """Rows flagged a day."""
        return self.flagged / self.days

    def bound_precision(self, confidence: float) -> float:
        """Return the lower confidence bound of the precision; see `bound_precisions`."""
        flagged = np.array([self.flagged])
        caught = np.array([self.caught])
        return float(bound_precisions(flagged, caught, confidence)[0])


def measure_payments_per_day(table: pd.DataFrame) -> float:
    """Return the number of rows over the days from the first Time to the last.

    Raises TrainingError if that is less than a second.
    """
    seconds = float(table["Time"].iloc[-1] - table["Time"].iloc[0])
    if seconds < 1:
        raise TrainingError(
            f"the Time of {len(table):,} rows spans {seconds:g} s, so alerts a day are unknown; "
            "give --payments-per-day"
        )
    return len(table) * SECONDS_A_DAY / seconds


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
        days=scored.days,
    )


def apply_thresholds(thresholds: Thresholds, scored: LabelledScores) -> dict[str, Outcome]:
    """Count what both thresholds do. `review` counts all alerts, including blocked payments."""
    return {
        name: apply_threshold(scored, threshold)
        for name, threshold in thresholds.model_dump().items()
    }


def bound_precisions(flagged: Ints, caught: Ints, confidence: float) -> Floats:
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
    return (
        _choose_cheapest(policy, scored)
        if isinstance(policy, Costs)
        else _choose_within(policy, scored)
    )


def _choose_within(limits: Limits, scored: LabelledScores) -> Thresholds:
    """Choose `review` by score or capacity, and `block` by precision."""
    if isinstance(limits.review, Score):
        review = _clamp(limits.review.probability)
    else:
        review = _clamp(_median_within_capacity(limits.review, scored))
    return Thresholds(review=review, block=_lowest_precise(limits.block, review, scored))


def _lowest_precise(required: Precision, review: float, scored: LabelledScores) -> float:
    """Return the lowest score, not below `review`, that is precise enough; else UNREACHABLE.

    Scores are tested from the highest down, beginning where a record without a false alarm passes,
    until one fails. The chance that a score passes whose true precision is lower is then at most 1
    - confidence for all tests together, which testing each alone would not keep: a fixed sequence
    (Maurer, Hothorn and Lehmacher, 1995; for thresholds: Angelopoulos et al., Learn then Test,
    2021).
    """
    scores, flagged, caught = _cumulate(scored)
    perfect = bound_precisions(flagged, flagged, required.confidence)
    tested = (perfect >= required.precision) & (scores >= review)
    bounds = bound_precisions(flagged[tested], caught[tested], required.confidence)
    passed = np.logical_and.accumulate(bounds >= required.precision)
    return _clamp(scores[tested][passed][-1]) if passed.any() else UNREACHABLE


def _median_within_capacity(capacity: Capacity, scored: LabelledScores) -> float:
    """Return the median over the periods of the lowest score that fits the capacity.

    The median, because in all rows together a single period with many frauds would raise it for all
    others.
    """
    rows = len(scored.probabilities)
    periods = np.zeros(rows) if scored.periods is None else scored.periods
    payments_per_day = rows / scored.days
    if capacity.alerts_per_day > payments_per_day:
        raise TrainingError(
            f"{capacity.alerts_per_day:,.0f} alerts a day are more than all "
            f"{payments_per_day:,.0f} payments; ask for fewer"
        )
    by_period = [
        _find_lowest_within_capacity(
            capacity.alerts_per_day / payments_per_day, scored.probabilities[periods == period]
        )
        for period in np.unique(periods)
    ]
    return float(np.median(by_period))


def _find_lowest_within_capacity(share: float, probabilities: Floats) -> float:
    """Return the lowest score that at most this share of the rows reaches, or one row."""
    scores, counts = np.unique(-probabilities, return_counts=True)
    rows = max(1, round(share * len(probabilities)))
    fits = np.cumsum(counts) <= rows
    # If more rows share the highest score than fit, that score still gives the fewest alerts.
    return -float(scores[fits][-1] if fits.any() else scores[0])


def _choose_cheapest(costs: Costs, scored: LabelledScores) -> Thresholds:
    """Return the pair with the lowest total cost on these rows; of equals, that with fewest alerts.

    Each reviewed payment costs `cost_review`, and reviewed frauds are stopped in time. A blocked
    legitimate payment costs `cost_block`, a blocked fraud nothing. An approved fraud costs its
    Amount, an approved legitimate payment nothing. The minimum holds only if no score is exactly
    0 or 1, because thresholds are strictly between them.
    """
    scores, flagged, caught = _cumulate(scored)
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


def compute_cost(costs: Costs, thresholds: Thresholds, scored: LabelledScores) -> float:
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


def _cumulate(
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
