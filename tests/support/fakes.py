"""Fakes: a model that is a formula, records, and a sink and a bus that keep what they get."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from api.publisher import NotConfirmedError
from payments.contract import INPUTS, Thresholds
from payments.decoder import TransactionDecoder
from streams.kafka.connection import Connection
from streams.kafka.group_consumer import GroupConsumer
from streams.kafka.topics import SCORER_GROUP, TRANSACTIONS
from streams.scorer.batch import Batch, ScoredBatch
from streams.scorer.group_positions import GroupPositions
from support.data.transactions import DECODER

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class FakeRecord:
    def __init__(self, value, offset=0, partition=0, sent_ms=1_700_000_000_000):
        self._value = value
        self._offset = offset
        self._partition = partition
        self._sent_ms = sent_ms

    def value(self):
        return self._value

    def key(self):
        return b"key"

    def topic(self):
        return "transactions"

    def partition(self):
        return self._partition

    def offset(self):
        return self._offset

    def timestamp(self):
        return (1, self._sent_ms)


@dataclass
class FakeModel:
    """margin = the first feature, V1 of creditcard, whose contribution it is too.

    All other contributions and the base are 0. Scoring fails on a row with 666 in its second
    column, V2 of creditcard, and explaining on one with 666 in its third.
    """

    version: str = "fake"
    thresholds: Thresholds = field(default_factory=lambda: Thresholds(review=0.5, block=0.9))
    typical_ranges: dict = field(default_factory=lambda: dict.fromkeys(INPUTS, (-1.0, 1.0)))
    decoder: TransactionDecoder = DECODER

    @property
    def features(self):
        return self.decoder.encoder.names

    def compute_margins(self, rows):
        if (rows[:, 1] == 666).any():
            raise RuntimeError("the model cannot")
        return rows[:, 0].astype(np.float64)

    def explain(self, rows):
        if (rows[:, 2] == 666).any():
            raise RuntimeError("the model cannot explain")
        contributions = np.zeros(rows.shape)
        contributions[:, 0] = rows[:, 0]
        return 0.0, contributions


@dataclass
class FakeSink:
    """Records what it is given."""

    submitted: list[ScoredBatch] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    epoch: int = 0

    def drop_if_stale(self, batch: Batch) -> bool:
        return batch.epoch != self.epoch

    async def submit(self, scored: ScoredBatch) -> None:
        self.submitted.append(scored)

    def fail(self, batch: Batch, error: Exception) -> None:
        self.failures.append(error)


def make_batch(*values: bytes | None, **record: Any) -> Batch:
    """Return a batch of these values; `record` are options of each FakeRecord."""
    return Batch(0, 0, [FakeRecord(value, at, **record) for at, value in enumerate(values)])


def make_scored(
    records: int, dead: int = 0, kind: str = "malformed_json", epoch: int = 0, number: int = 0
) -> ScoredBatch:
    """Return a scored batch, of whose records `dead` are dead letters."""
    scored = ScoredBatch(Batch(epoch, number, [FakeRecord(b"")] * records))
    scored.dead_letters[kind] += dead
    return scored


@dataclass
class FakeBus:
    """Records the topic, key and value of what is published, unless it is away."""

    published: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    away: bool = False

    async def publish(self, topic, key, value):
        if self.away:
            raise NotConfirmedError("no broker answers")
        self.published.append((topic, key, value))

    async def answers(self):
        return not self.away

    def close(self):
        pass


def group_of(
    client: Any, on_failure: Callable[[BaseException], None] = pytest.fail
) -> GroupConsumer:
    """Return the group consumer of `transactions` that uses this client."""
    return GroupConsumer(
        Connection("nowhere"), SCORER_GROUP, TRANSACTIONS, {}, on_failure, lambda _: client
    )


class FakeWatch:
    """A topic that is never recreated."""

    def __init__(self):
        self.metadata = {}

    def check_committed(self, committed):
        pass

    def begin(self, positions):
        pass


def positions_of(
    client: Any, on_failure: Callable[[BaseException], None] = pytest.fail
) -> GroupPositions:
    """Return the positions of the member of `fraud-scorer` that uses this client."""
    return GroupPositions(group_of(client, on_failure), FakeWatch())
