"""The labels that arrive on `labels`, kept in memory for as long as a window may need them."""

import logging
from collections import deque
from collections.abc import Container, Iterable
from typing import NamedTuple

from confluent_kafka import Message

from drift.labels.label_index import LabelIndex
from drift.quality import Truth
from payments.labels import LabelRules, is_about
from payments.records import UNREADABLE
from streams.kafka.messages import arrived_ms
from streams.skipped_records import SkippedRecordLog

log = logging.getLogger(__name__)

# 24 bytes each and 8 for the index, up to 16 just after it grew (drift.labels.label_index), so 80
# MB at most.
MAX_LABELS = 2_000_000
# Start a new index after an eighth of MAX_LABELS, so that running out of memory never drops more
# than that at once.
_PARTS = 8
_ANALYST = "analyst"
# A label is encoded as its weight (payments.labels), which takes 61 bits, followed by two flags.
_FULL = 1
_FRAUD = 2
_FLAG_BITS = 2
_ID_MASK = (1 << 60) - 1  # Python integers up to here take 32 bytes, larger ones 36


class ScoredPayment(NamedTuple):
    """What decides which labels are about a payment; `made_ms` and `scored_ms` are since 1970."""

    transaction_id: str
    key: str | None
    made_ms: int
    scored_ms: int


class LabelStore:
    """Labels by transaction_id, message key and arrival (streams.kafka.messages.arrived_ms).

    Labels that arrived within `index_ms` share an index and are forgotten together. With more than
    `max_labels` labels, drop the oldest index and count its labels. `only`: keep labels of these
    payments; None keeps all. Ids are stored as 60-bit hashes: among two million payments, the
    chance of any collision is 1 in 570,000.
    """

    def __init__(
        self,
        rules: LabelRules,
        index_ms: int,
        max_labels: int = MAX_LABELS,
        only: Container[str] | None = None,
    ) -> None:
        self._rules = rules
        self._index_ms = max(index_ms, 1)
        self._max_labels = max_labels
        self._only = only
        self._max_per_index = max_labels // _PARTS
        self._indexes: deque[LabelIndex] = deque()
        self._count = 0
        self._dropped = 0
        self._skips = SkippedRecordLog(log)

    def __len__(self) -> int:
        return self._count

    def add(self, messages: Iterable[Message], now_ms: int) -> int:
        """Add labels in arrival order, and return the number of invalid records.

        Other systems write to this topic, too. `now_ms`: the time of reading.
        """
        invalid = 0
        for message in messages:
            arrived = arrived_ms(message, now_ms)
            try:
                label = self._rules.decode(message.value() or b"")
            except UNREADABLE as error:
                self._skips.add(message, error)
                invalid += 1
                continue
            if self._only is not None and label.transaction_id not in self._only:
                continue
            flags = _FRAUD * label.is_fraud | _FULL * (label.source != _ANALYST)
            key = _hash_id(label.transaction_id, self._rules.get_key(label))
            self._put(arrived, key, self._rules.weigh(label, arrived) << _FLAG_BITS | flags)
        return invalid

    def truth(self, payment: ScoredPayment, period_ms: tuple[int, int]) -> Truth | None:
        """Return what labels say about a payment; None if none arrived in [first, last].

        A label counts for the payments with its key (with any, if it names none) that it can be
        about. The heaviest label wins, of two with the same weight the later one.
        """
        first, last = period_ms
        times = payment.made_ms, payment.scored_ms
        keys = [_hash_id(payment.transaction_id, None)]
        if payment.key is not None:
            keys.append(_hash_id(payment.transaction_id, payment.key))
        labels = [
            label
            for key in keys
            for index in self._indexes
            for arrived, label in index.get(key)
            if first <= arrived <= last and is_about(not label & _FULL, arrived, *times)
        ]
        if not labels:
            return None
        winner = max(reversed(labels), key=_weigh)
        return Truth(bool(winner & _FRAUD), any(label & _FULL for label in labels))

    def forget(self, before_ms: int) -> None:
        """Remove the indexes with only earlier labels, which no window needs any more."""
        while self._indexes and self._indexes[0].begin_ms + self._index_ms <= before_ms:
            self._count -= len(self._indexes.popleft())

    def take_dropped(self) -> int:
        """Return the number of labels dropped for lack of memory since the last call."""
        dropped = self._dropped
        self._dropped = 0
        return dropped

    def _put(self, arrived_ms: int, key: int, label: int) -> None:
        newest = self._indexes[-1] if self._indexes else None
        if (
            newest is None
            or arrived_ms >= newest.begin_ms + self._index_ms
            or len(newest) >= self._max_per_index
        ):
            newest = LabelIndex(arrived_ms)
            self._indexes.append(newest)
        added = newest.put(key, arrived_ms, label)
        self._count += added
        self._dropped += not added
        if self._count > self._max_labels:
            oldest = len(self._indexes.popleft())
            self._count -= oldest
            self._dropped += oldest


def _hash_id(transaction_id: str, key: str | None) -> int:
    return hash((transaction_id, key)) & _ID_MASK


def _weigh(label: int) -> int:
    return label >> _FLAG_BITS
