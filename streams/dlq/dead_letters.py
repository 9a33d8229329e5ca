"""Reads `transactions.dlq`: what was refused, why, and which record of `transactions` it was."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from confluent_kafka import Message

from streams.kafka import reader
from streams.kafka.cluster import Cluster
from streams.kafka.codec import ReadHeaders, source_of
from streams.kafka.connection import Connection
from streams.kafka.topics import DEAD_LETTERS, TRANSACTIONS

Position = tuple[int, int]
"""(partition, offset)"""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record of `transactions.dlq`. Anybody may write there: `source` is None where the headers name no record of `transactions`.

    `kind`, `detail` and `failed_at` are the headers' texts, empty where they are missing; `written_ms` is the record's own time.
    """

    source: Position | None
    kind: str
    detail: str
    failed_at: str
    written_ms: int
    key: bytes | None
    value: bytes | None

    @property
    def size(self) -> int:
        """Bytes of the value."""
        return len(self.value or b"")


@dataclass(frozen=True)
class Choice:
    """Which dead letters: those of all `kinds` and `sources` that are given, written at `since` or later; an empty set chooses all."""

    kinds: frozenset[str] = frozenset()
    sources: frozenset[Position] = frozenset()
    since: datetime | None = None

    def takes(self, letter: DeadLetter) -> bool:
        """Whether a letter is chosen; its time is not looked at: `read` begins there."""
        return (not self.kinds or letter.kind in self.kinds) and (
            not self.sources or letter.source in self.sources
        )


def read(connection: Connection, choice: Choice, progress: reader.Progress) -> Iterator[DeadLetter]:
    """The chosen dead letters up to the end as it is now, each partition in its order, one in memory at a time.

    Raises ReadingError, KafkaException.
    """
    cluster = Cluster(connection)
    numbers = cluster.partitions(DEAD_LETTERS)[DEAD_LETTERS]
    end = cluster.end(DEAD_LETTERS, numbers)
    begin = (
        cluster.earliest(DEAD_LETTERS, numbers)
        if choice.since is None
        else cluster.since(DEAD_LETTERS, end, choice.since)
    )
    for message in chain.from_iterable(
        reader.read_with_progress(connection, DEAD_LETTERS, begin, end, progress)
    ):
        letter = _letter(message, connection.named(TRANSACTIONS))
        if choice.takes(letter):
            yield letter


def _letter(message: Message, transactions: str) -> DeadLetter:
    headers = message.headers() or []
    found = {name: value.decode(errors="replace") for name, value in headers if value is not None}
    return DeadLetter(
        source=_source(headers) if found.get("source.topic") == transactions else None,
        kind=found.get("error.kind", ""),
        detail=found.get("error.detail", ""),
        failed_at=found.get("failed.at", ""),
        written_ms=message.timestamp()[1],
        key=message.key(),
        value=message.value(),
    )


def _source(headers: ReadHeaders) -> Position | None:
    try:
        return source_of(headers)
    except (KeyError, TypeError, ValueError):
        return None
