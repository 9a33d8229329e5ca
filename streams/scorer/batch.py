"""What travels from the consumer to the commit: batches of records, and what became of them.

A batch belongs to an epoch. An abort or a lost assignment ends the epoch: whatever of it is still on its way is dropped, and the
consumer starts again from the committed offsets.
"""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streams.kafka.codec import Output

# One is being committed while the next is being scored. A third would only wait: its records are better left to grow a larger batch.
MAX_IN_FLIGHT = 2


class Record(Protocol):
    """The part of confluent_kafka.Message that is read."""

    def value(self) -> bytes | None: ...  # noqa: D102
    def key(self) -> bytes | None: ...  # noqa: D102
    def topic(self) -> str: ...  # noqa: D102
    def partition(self) -> int: ...  # noqa: D102
    def offset(self) -> int: ...  # noqa: D102
    def timestamp(self) -> tuple[int, int]: ...  # noqa: D102


@dataclass(slots=True)
class Batch:
    """Records polled together. `number` runs from 0 within an epoch, so that a missing batch is noticed before it is committed."""

    epoch: int
    number: int
    records: Sequence[Record]
    group_metadata: Any = None

    def last_records(self) -> dict[int, Record]:
        """The last record of each partition."""
        return {record.partition(): record for record in self.records}


@dataclass(slots=True)
class ScoredBatch:
    """A batch's outputs, with what the metrics need once they are committed."""

    batch: Batch
    outputs: list[Output] = field(default_factory=list)
    predicted: list[Record] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    probabilities: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    seconds: float = 0.0

    def add(self, part: "ScoredBatch") -> None:
        """Takes in what a part of the batch's records gave."""
        self.outputs += part.outputs
        self.predicted += part.predicted
        self.outcomes += part.outcomes
        self.dead_letters += part.dead_letters
        self.reasons += part.reasons
        self.probabilities = np.concatenate([self.probabilities, part.probabilities])

    def next_offsets(self) -> dict[int, int]:
        """Where each partition goes on once this batch is committed; from the batch's own records, never from `position()`."""
        return {
            partition: record.offset() + 1
            for partition, record in self.batch.last_records().items()
        }


class InFlight:
    """Counts the batches between the consumer and the commit, and holds the epoch they belong to. Safe between threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._epoch = 0

    @property
    def epoch(self) -> int:
        """The epoch whose batches may be committed."""
        return self._epoch

    @property
    def count(self) -> int:
        """How many batches are between the consumer and the commit."""
        return self._count

    def add(self) -> None:
        """A batch left the consumer."""
        with self._changed:
            self._count += 1

    def remove(self) -> None:
        """A batch was committed or dropped."""
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def end_epoch(self) -> None:
        """Everything on its way is to be dropped."""
        with self._changed:
            self._epoch += 1

    def wait_for_room(self, timeout: float, most: int = MAX_IN_FLIGHT) -> bool:
        """Whether another batch may leave the consumer, with fewer than `most` on their way; waits for it."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count < most, timeout)

    def wait_until_empty(self, timeout: float) -> bool:
        """Whether nothing is on its way any more; waits for it."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count == 0, timeout)
