"""The truth about payments, as it arrives on `labels`: kept in memory for as long as a window may still ask for it."""

import logging
from collections import deque
from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from typing import Annotated, Literal, NamedTuple

import msgspec
from confluent_kafka import Message

log = logging.getLogger(__name__)

# 125 bytes each (measured: two integers and their share of a dict), so 250 MB at most.
MOST = 2_000_000
# Of these at most in one stretch of time, however many come in it: what goes for want of memory is so much at once.
_PARTS = 8
_ANALYST = "analyst"
_FULL, _FRAUD, _FLAGS = 1, 2, 2


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
    """By transaction_id; of several labels the last `labelled_at` wins. Labels that arrived in the same stretch of time go together.

    `stretch_ms`: how long one is. `most`: with more labels than that the oldest stretch goes, and is counted. `only`: the payments
    whose labels are kept; None: those of all. Ids are kept as 64-bit hashes: among two million, the chance that any two are mixed up
    is one in ten million.
    """

    def __init__(self, stretch_ms: int, most: int = MOST, only: Container[str] | None = None) -> None:
        self._stretch_ms, self._most, self._only = max(stretch_ms, 1), most, only
        self._part = most // _PARTS
        self._stretches: deque[tuple[int, dict[int, int]]] = deque()
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
                at_us = int(label.labelled_at.timestamp() * 1e6)
            except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError) as error:
                log.warning("%s[%d] offset %d is not a label: %s", message.topic(), message.partition(), message.offset(), error)
                invalid += 1
                continue
            if self._only is not None and label.transaction_id not in self._only:
                continue
            flags = _FRAUD * label.is_fraud | _FULL * (label.source != _ANALYST)
            self._put(message.timestamp()[1], hash(label.transaction_id), at_us << _FLAGS | flags)
        return invalid

    def of(self, transaction_id: str) -> Truth | None:
        """What is known of a payment; None where nothing is, which says nothing about it."""
        key = hash(transaction_id)
        known = [known[key] for _, known in self._stretches if key in known]
        if not known:
            return None
        told = _together(known)
        return Truth(bool(told & _FRAUD), bool(told & _FULL))

    def forget(self, before_ms: int) -> None:
        """Nobody will ask for labels that arrived earlier."""
        while self._stretches and self._stretches[0][0] + self._stretch_ms <= before_ms:
            self._count -= len(self._stretches.popleft()[1])

    def take_dropped(self) -> int:
        """How many went for want of memory since the last call."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def _put(self, arrived_ms: int, key: int, value: int) -> None:
        if not self._stretches or arrived_ms >= self._stretches[-1][0] + self._stretch_ms or len(self._stretches[-1][1]) >= self._part:
            self._stretches.append((arrived_ms, {}))
        newest = self._stretches[-1][1]
        before = len(newest)
        newest[key] = _together([value, newest.get(key, value)])
        self._count += len(newest) - before
        if self._count > self._most:
            gone = len(self._stretches.popleft()[1])
            self._count -= gone
            self._dropped += gone


def _together(values: Sequence[int]) -> int:
    """The last label, and whether any of them was by somebody who would know of any payment."""
    return max(values) | any(value & _FULL for value in values)
