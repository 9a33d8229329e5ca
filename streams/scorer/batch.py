"""Batches of records on their way from the consumer to the commit.

A batch belongs to an epoch. An abort or a lost assignment ends the epoch: its remaining batches are
dropped, and the consumer starts again from the committed offsets.
"""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

import numpy as np

from payments.arrays import Floats
from streams.history.batches import Entry
from streams.kafka.messages import Output

MAX_BATCH = 4096
# A topic that refuses the outputs of 4,096 records refuses 256, 16 and then one of them.
_SHRINK = 16
# One batch is committed while the next is scored. A third would only wait; its records are better
# left on the broker, to become a larger batch.
MAX_IN_FLIGHT = 2


class Record(Protocol):
    """The part of confluent_kafka.Message that the scorer uses."""

    def value(self) -> bytes | None: ...  # noqa: D102
    def key(self) -> bytes | None: ...  # noqa: D102
    def topic(self) -> str: ...  # noqa: D102
    def partition(self) -> int: ...  # noqa: D102
    def offset(self) -> int: ...  # noqa: D102
    def timestamp(self) -> tuple[int, int]: ...  # noqa: D102 - (kind, ms since 1970)


@dataclass(slots=True)
class Batch:
    """Records polled together.

    `number` counts from 0 within an epoch, to notice a missing batch.
    """

    epoch: int
    number: int
    records: Sequence[Record]
    group_metadata: Any = None

    def find_last_records(self) -> dict[int, Record]:
        """Return the last record of each partition."""
        return {record.partition(): record for record in self.records}


@dataclass(slots=True)
class ScoredBatch:
    """A batch's outputs, and what the metrics count once they are committed.

    `predicted` and `probabilities` (float64[n]) belong together; `details` has the detail of one
    dead letter of each kind; `seconds` is the time scoring took. `applied` is the batch's place in
    the history, if the schema has one.
    """

    batch: Batch
    outputs: list[Output] = field(default_factory=list)
    predicted: list[Record] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    details: dict[str, str] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    probabilities: Floats = field(default_factory=lambda: np.empty(0))
    seconds: float = 0.0
    applied: Entry | None = None

    def add(self, part: "ScoredBatch") -> None:
        """Add the results of a part of the batch's records."""
        self.outputs += part.outputs
        self.predicted += part.predicted
        self.outcomes += part.outcomes
        self.dead_letters += part.dead_letters
        self.details |= part.details
        self.reasons += part.reasons
        self.probabilities = np.concatenate([self.probabilities, part.probabilities])

    def find_next_offsets(self) -> dict[int, int]:
        """Return the offset after the batch's last record, by partition.

        Never use `position()` instead: it may be beyond the batch.
        """
        return {
            partition: record.offset() + 1
            for partition, record in self.batch.find_last_records().items()
        }


class InFlight:
    """Counts the batches between consumer and commit, and holds their epoch. Thread-safe.

    `most_records` is how many records the next batch may hold.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._epoch = 0
        self.most_records = MAX_BATCH
        # when a batch last left, or the first one came
        self._progressed_at = 0.0

    @property
    def epoch(self) -> int:
        """The epoch whose batches may be committed."""
        return self._epoch

    @property
    def count(self) -> int:
        """The number of batches between consumer and commit."""
        return self._count

    @property
    def stalled_s(self) -> float:
        """The seconds for which no batch in flight was committed or dropped; 0 without any."""
        with self._changed:
            return monotonic() - self._progressed_at if self._count else 0.0

    def add(self) -> None:
        """Count a batch that leaves the consumer."""
        with self._changed:
            if not self._count:
                self._progressed_at = monotonic()
            self._count += 1

    def remove(self) -> None:
        """Stop counting a batch that is committed or dropped."""
        with self._changed:
            self._count -= 1
            self._progressed_at = monotonic()
            self._changed.notify_all()

    def end_epoch(self) -> None:
        """Let every batch in flight be dropped."""
        with self._changed:
            self._epoch += 1

    def shrink_batches(self, records: int) -> None:
        """Let the next batch hold a part of so many records, at least one."""
        self.most_records = max(records // _SHRINK, 1)

    def grow_batches(self) -> None:
        """Let the next batch hold twice as many records as the last one, up to MAX_BATCH."""
        self.most_records = min(2 * self.most_records, MAX_BATCH)

    def wait_for_capacity(self, timeout: float, most: int = MAX_IN_FLIGHT) -> bool:
        """Wait up to `timeout` seconds until fewer than `most` are in flight; return whether so."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count < most, timeout)

    def wait_until_empty(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until nothing is in flight; return whether so."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count == 0, timeout)
