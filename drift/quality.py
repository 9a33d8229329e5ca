"""Precision and recall from labels, each with its confidence interval.

A payment without a label is unknown, not legitimate. Analysts label alerts only, so their labels
count towards precision and not towards recall: they say nothing about missed frauds. A payment that
is also labelled by another source counts towards both, in whatever order the labels came: if an
analyst's later label removed alerts from recall, only the misses would be left. A blocked payment
was never made, so no chargeback follows and no label is expected: blocked payments are counted
separately.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from drift.detect import tail_test
from model.intervals import Interval, estimate_share
from payments.contract import DECISIONS

POOLED_WINDOWS = 20
"""Windows evaluated together.

100,000 payments have about 170 frauds, for an interval of +-7 points; one window's 8 say nothing.
"""
# The newest of these, whose frauds are compared with the others': two of 1,000 have about 17 frauds
# at five times the usual rate.
_RECENT = 2


class Truth(NamedTuple):
    """The truth about a payment by its labels.

    `fraud`: by the label that counts, from any source. `full`: whether any label came from a source
    that covers all payments, as chargebacks do; analysts look at alerts only.
    """

    fraud: bool
    full: bool


class Outcomes(msgspec.Struct):
    """Counts of payments with one decision, and of their labels.

    `analyst_` counts are of payments that only analysts labelled.
    """

    payments: int = 0
    fraud: int = 0
    legitimate: int = 0
    analyst_fraud: int = 0
    analyst_legitimate: int = 0

    @property
    def frauds(self) -> int:
        """Return the number of frauds, by labels of any source."""
        return self.fraud + self.analyst_fraud

    @property
    def labelled(self) -> int:
        """Return the number of labelled payments, from any source."""
        return self.frauds + self.legitimate + self.analyst_legitimate


class Quality(msgspec.Struct):
    """Outcomes by decision, of one window or of several."""

    approve: Outcomes = msgspec.field(default_factory=Outcomes)
    review: Outcomes = msgspec.field(default_factory=Outcomes)
    block: Outcomes = msgspec.field(default_factory=Outcomes)

    def count(self, decision: str, truth: Truth | None) -> None:
        """Count a payment; `truth` is None if it has no label."""
        outcomes: Outcomes = getattr(self, decision)
        outcomes.payments += 1
        if truth is not None:
            name = ("" if truth.full else "analyst_") + ("fraud" if truth.fraud else "legitimate")
            setattr(outcomes, name, getattr(outcomes, name) + 1)

    @property
    def precision(self) -> Interval:
        """Return frauds / labelled alerts, with Wilson's interval; UNDEFINED without labels."""
        return estimate_share(
            self.review.frauds + self.block.frauds, self.review.labelled + self.block.labelled
        )

    @property
    def recall(self) -> Interval:
        """Return alerts / frauds, with Wilson's interval; UNDEFINED without frauds.

        Frauds that only analysts labelled do not count. If blocked payments get no labels, blocked
        frauds are missing and this is a lower bound.
        """
        return estimate_share(
            self.review.fraud + self.block.fraud,
            self.approve.fraud + self.review.fraud + self.block.fraud,
        )

    @property
    def labelled_share(self) -> float | None:
        """Return the labelled share, 0..1, of payments that were not blocked; None without any."""
        payments = self.approve.payments + self.review.payments
        return (self.approve.labelled + self.review.labelled) / payments if payments else None

    @property
    def payments(self) -> int:
        """Return the number of payments, for all decisions."""
        return self.approve.payments + self.review.payments + self.block.payments

    @property
    def labelled(self) -> int:
        """Return the number of labelled payments, for all decisions and sources."""
        return self.approve.labelled + self.review.labelled + self.block.labelled

    @property
    def frauds(self) -> int:
        """Return the number of frauds, for all decisions and sources."""
        return self.approve.frauds + self.review.frauds + self.block.frauds

    @property
    def legitimate(self) -> int:
        """Return the number of payments labelled legitimate, for all decisions and sources."""
        return self.labelled - self.frauds


def pool(qualities: Iterable[Quality]) -> Quality:
    """Return the summed outcomes of several windows."""
    total = Quality()
    for quality in qualities:
        for decision in DECISIONS:
            whole = getattr(total, decision)
            part = getattr(quality, decision)
            for name in Outcomes.__struct_fields__:
                setattr(whole, name, getattr(whole, name) + getattr(part, name))
    return total


def frauds_rose(windows: Sequence[Quality]) -> bool | None:
    """Return whether the last two windows have more frauds than those before explain.

    Use at most POOLED_WINDOWS windows. Return None if too little is known.

    Windows without labels are skipped: they have not been looked at yet. If the newest has none,
    the result is None.

    Frauds are counted among all payments, because chargebacks label frauds only. But if labelling
    increases, more frauds are found at the same fraud rate. Legitimate labels then increase as
    well, unless the feed selects frauds: if their share rose, by the same test, count frauds among
    labelled payments instead. Fewer labels make a rise smaller, never larger. With hardly any
    legitimate labels, better detection of the same frauds looks like a rise.
    """
    labelled = [window for window in windows[-POOLED_WINDOWS:] if window.labelled]
    before = pool(labelled[:-_RECENT])
    recent = pool(labelled[-_RECENT:])
    if not before.payments or not windows[-1].labelled:
        return None
    labels_rose = tail_test.share_rose(
        recent.legitimate,
        recent.payments - recent.frauds,
        before.legitimate,
        before.payments - before.frauds,
    )
    if labels_rose:
        return tail_test.share_rose(recent.frauds, recent.labelled, before.frauds, before.labelled)
    return tail_test.share_rose(recent.frauds, recent.payments, before.frauds, before.payments)
