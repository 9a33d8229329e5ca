"""Reads `transactions.dlq`: rejected records, why they were rejected, and their position."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from confluent_kafka import Message

from streams.kafka import reader
from streams.kafka.cluster import Cluster
from streams.kafka.connection import Connection
from streams.kafka.messages import Position, read_origin
from streams.kafka.topics import DEAD_LETTERS, TRANSACTIONS


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record of `transactions.dlq`, where anyone may write.

    `origin` is the position of the rejected record, None if the headers name no record of
    `transactions`. `kind`, `detail` and `failed_at` are the text of the headers, empty if missing.
    `written_ms` is the dead letter's own timestamp.
    """

    origin: Position | None
    kind: str
    detail: str
    failed_at: str
    written_ms: int
    key: bytes | None
    value: bytes | None

    @property
    def size(self) -> int:
        """The size of the value in bytes."""
        return len(self.value or b"")


@dataclass(frozen=True)
class Choice:
    """Selects dead letters by kind, origin and time of writing; an empty set selects all."""

    kinds: frozenset[str] = frozenset()
    origins: frozenset[Position] = frozenset()
    since: datetime | None = None

    def matches(self, letter: DeadLetter) -> bool:
        """Return whether kind and origin match. `read` applies `since`."""
        return (not self.kinds or letter.kind in self.kinds) and (
            not self.origins or letter.origin in self.origins
        )


def read(
    connection: Connection, choice: Choice, progress: reader.ReadProgress
) -> Iterator[DeadLetter]:
    """Yield the chosen dead letters up to the current end; partitions keep their order.

    Holds one batch in memory at a time. Raises ReadingError, KafkaException.
    """
    begin, end = reader.find_range(Cluster(connection), DEAD_LETTERS, since=choice.since)
    transactions = connection.qualify(TRANSACTIONS)
    for message in chain.from_iterable(
        reader.read_with_progress(connection, DEAD_LETTERS, begin, end, progress)
    ):
        letter = _decode(message, transactions)
        if choice.matches(letter):
            yield letter


def _decode(message: Message, transactions: str) -> DeadLetter:
    headers = message.headers() or []
    texts = {name: value.decode(errors="replace") for name, value in headers if value is not None}
    return DeadLetter(
        origin=read_origin(headers) if texts.get("source.topic") == transactions else None,
        kind=texts.get("error.kind", ""),
        detail=texts.get("error.detail", ""),
        failed_at=texts.get("failed.at", ""),
        written_ms=message.timestamp()[1],
        key=message.key(),
        value=message.value(),
    )
