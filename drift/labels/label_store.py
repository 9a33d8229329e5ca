"""The truth about payments, as it arrives on `labels`: kept in memory for as long as a window may still ask for it."""

import logging
from collections import deque
from collections.abc import Container, Iterable
from datetime import datetime
from typing import Annotated, Literal, NamedTuple

import msgspec
from confluent_kafka import Message

from drift.labels.label_index import Stretch

log = logging.getLogger(__name__)

# 24 bytes each and 8 of an index, up to 16 just after it grew (drift.labels.label_index), so 80 MB at most.
MOST = 2_000_000
# Of these at most in one stretch of time, however many come in it: what goes for want of memory is so much at once.
_PARTS = 8
_ANALYST = "analyst"
_FULL, _FRAUD, _FLAGS = (
    1,
    2,
    2,
)  # below labelled_at in microseconds, which takes 58 bits in the year 9999
_ID = (1 << 60) - 1  # what Python holds in 32 bytes; more takes 36


class _Label(msgspec.Struct, gc=False):
    transaction_id: str
    is_fraud: bool
    labelled_at: Annotated[datetime, msgspec.Meta(tz=True)]
    source: Literal["chargeback", "analyst", "replay"]


_decoder = msgspec.json.Decoder(_Label)


class Truth(NamedTuple):
    """What is known of a payment. `fraud`: by the last label, whoever gave it. `full`: somebody who would know of any payment labelled it,
    whoever did so last; analysts look at alerts alone.
    """

    fraud: bool
    full: bool


class Labels:
    """By transaction_id, with their arrival: the log's time. Labels that arrived in the same stretch of time are forgotten together.

    `stretch_ms`: how long one is. `most`: with more labels than that the oldest stretch goes, and is counted. `only`: the payments
    whose labels are kept; None: those of all. Ids are kept as 60-bit hashes: among two million, the chance that any two payments are mixed
    up is one in 570,000.
    """

    def __init__(
        self, stretch_ms: int, most: int = MOST, only: Container[str] | None = None
    ) -> None:
        self._stretch_ms, self._most, self._only = max(stretch_ms, 1), most, only
        self._part = most // _PARTS
        self._stretches: deque[Stretch] = deque()
        self._count = 0
        self._dropped = 0

    def __len__(self) -> int:
        return self._count

    def add(self, messages: Iterable[Message]) -> int:
        """Takes labels as they arrived; returns how many were none, for others than this system write there."""
        invalid = 0
        for message in messages:
            try:
                label = _decoder.decode(message.value() or b"")
                at_us = max(int(label.labelled_at.timestamp() * 1e6), 0)
            except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError) as error:
                log.warning(
                    "%s[%d] offset %d is not a label: %s",
                    message.topic(),
                    message.partition(),
                    message.offset(),
                    error,
                )
                invalid += 1
                continue
            if self._only is not None and label.transaction_id not in self._only:
                continue
            flags = _FRAUD * label.is_fraud | _FULL * (label.source != _ANALYST)
            self._put(
                message.timestamp()[1], hash(label.transaction_id) & _ID, at_us << _FLAGS | flags
            )
        return invalid

    def of(self, transaction_id: str, arrived_ms: tuple[int, int]) -> Truth | None:
        """What the labels that arrived in [first, last] tell of a payment; of several the last `labelled_at` wins. None where there is no
        label, which says nothing about it.
        """
        first, last = arrived_ms
        key = hash(transaction_id) & _ID
        told = [
            label
            for stretch in self._stretches
            for arrived, label in stretch.get(key)
            if first <= arrived <= last
        ]
        return (
            Truth(bool(max(told) & _FRAUD), any(label & _FULL for label in told)) if told else None
        )

    def forget(self, before_ms: int) -> None:
        """Nobody will ask for labels that arrived earlier."""
        while self._stretches and self._stretches[0].begin_ms + self._stretch_ms <= before_ms:
            self._count -= len(self._stretches.popleft())

    def take_dropped(self) -> int:
        """How many went for want of memory since the last call."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def _put(self, arrived_ms: int, key: int, label: int) -> None:
        newest = self._stretches[-1] if self._stretches else None
        if (
            newest is None
            or arrived_ms >= newest.begin_ms + self._stretch_ms
            or len(newest) >= self._part
        ):
            newest = Stretch(arrived_ms)
            self._stretches.append(newest)
        added = newest.put(key, arrived_ms, label)
        self._count += added
        self._dropped += not added
        if self._count > self._most:
            gone = len(self._stretches.popleft())
            self._count -= gone
            self._dropped += gone
