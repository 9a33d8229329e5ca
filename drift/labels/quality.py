"""Precision and recall from labels: only where there is one, and with how sure they are.

A payment without a label is not legitimate, it is unknown. Analysts look at alerts, so their labels tell how many alerts were right
(precision) and nothing about the frauds that nobody was alerted to (recall). A payment that somebody else labelled as well
counts for both, whoever did so last: if an analyst's later label took alerts out of recall, only the misses would be left in it. A
blocked payment was never made, so no chargeback will tell of it: blocked payments are counted apart, and no label is expected of them.
"""

from collections.abc import Iterable, Sequence

import msgspec

from drift.detect import tail_test
from drift.labels.label_store import Truth
from model.intervals import Interval, wilson_interval
from payments.contract import DECISIONS

# 100,000 payments hold some 170 frauds, for an interval of 7 points either way; one window's 8 say nothing.
POOLED = 20
"""Windows that are judged together."""
# Of these, whose frauds are compared with the others': two of 1,000 hold some 17 frauds at five times the usual rate.
_RECENT = 2


class Outcomes(msgspec.Struct):
    """What became of the payments with one decision: how many, and by their labels; `analyst_`: by an analyst's alone."""

    payments: int = 0
    fraud: int = 0
    legitimate: int = 0
    analyst_fraud: int = 0
    analyst_legitimate: int = 0

    @property
    def frauds(self) -> int:
        """Whoever says so."""
        return self.fraud + self.analyst_fraud

    @property
    def labelled(self) -> int:
        """Whoever labelled them."""
        return self.frauds + self.legitimate + self.analyst_legitimate


class Quality(msgspec.Struct):
    """The outcomes by decision, of one window or of several."""

    approve: Outcomes = msgspec.field(default_factory=Outcomes)
    review: Outcomes = msgspec.field(default_factory=Outcomes)
    block: Outcomes = msgspec.field(default_factory=Outcomes)

    def count(self, decision: str, truth: Truth | None) -> None:
        """One payment more."""
        outcomes: Outcomes = getattr(self, decision)
        outcomes.payments += 1
        if truth is not None:
            name = ("" if truth.full else "analyst_") + ("fraud" if truth.fraud else "legitimate")
            setattr(outcomes, name, getattr(outcomes, name) + 1)

    @property
    def precision(self) -> Interval:
        """Frauds among the labelled alerts, with Wilson's interval; UNDEFINED where none is labelled."""
        return wilson_interval(
            self.review.frauds + self.block.frauds, self.review.labelled + self.block.labelled
        )

    @property
    def recall(self) -> Interval:
        """Alerts among the frauds that somebody other than an analyst labelled, with Wilson's interval; UNDEFINED without such a fraud.

        Where blocked payments get no label, frauds that were blocked are missing in it: it is then a lower bound.
        """
        return wilson_interval(
            self.review.fraud + self.block.fraud,
            self.approve.fraud + self.review.fraud + self.block.fraud,
        )

    @property
    def labelled_share(self) -> float | None:
        """Of the payments that were not blocked; None where there is none."""
        payments = self.approve.payments + self.review.payments
        return (self.approve.labelled + self.review.labelled) / payments if payments else None

    @property
    def payments(self) -> int:
        """Whatever was decided."""
        return self.approve.payments + self.review.payments + self.block.payments

    @property
    def labelled(self) -> int:
        """Payments that anybody labelled."""
        return self.approve.labelled + self.review.labelled + self.block.labelled

    @property
    def frauds(self) -> int:
        """Whoever says so, whatever was decided."""
        return self.approve.frauds + self.review.frauds + self.block.frauds

    @property
    def legitimate(self) -> int:
        """Payments that are not fraud by their labels, whoever says so, whatever was decided."""
        return self.labelled - self.frauds


def pooled(found: Iterable[Quality]) -> Quality:
    """The outcomes of several windows together."""
    total = Quality()
    for quality in found:
        for decision in DECISIONS:
            whole, part = getattr(total, decision), getattr(quality, decision)
            for name in Outcomes.__struct_fields__:
                setattr(whole, name, getattr(whole, name) + getattr(part, name))
    return total


def frauds_rose(windows: Sequence[Quality]) -> bool | None:
    """Whether the last two of at most POOLED windows hold more frauds than the others explain; None where too little is known.

    Windows without a label are left out: nobody looked at them yet; and where the newest has none there is nothing new to tell.
    Frauds are counted among all payments: chargebacks label frauds alone, and the share of these among labels says nothing. But a feed that
    labels more than before finds more frauds at the same rate. It labels more legitimate payments, too, and these outnumber frauds unless
    somebody chose: where their labelled share rose, by the same test, frauds are counted among labelled payments. Fewer labels make a rise
    smaller, never larger. Where next to nothing legitimate is labelled, a feed that finds more of the same frauds looks like a rise.
    """
    told = [window for window in windows[-POOLED:] if window.labelled]
    before, recent = pooled(told[:-_RECENT]), pooled(told[-_RECENT:])
    if not before.payments or not windows[-1].labelled:
        return None
    labels_rose = tail_test.share_rose(
        recent.legitimate,
        recent.payments - recent.frauds,
        before.legitimate,
        before.payments - before.frauds,
    )
    among, known = (
        (recent.labelled, before.labelled) if labels_rose else (recent.payments, before.payments)
    )
    return tail_test.share_rose(recent.frauds, among, before.frauds, known)
