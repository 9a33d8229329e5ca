"""The proof that nothing was lost: each record of `transactions` stands exactly once in `predictions` or `transactions.dlq`.

Records are matched by (partition, offset), which the outputs carry in their headers. The end of the range is taken first, the ends of
the outputs after `transactions` was read: whatever the scorer had finished by then is seen.

Memory: some 200 MB whatever the cluster holds (measured: 110 to 190 MB for 400,000 records, 16 MB of it the Kafka client's queue and
50 MB the interpreter), plus 0.2 bytes a record while repeated ids are counted.
Disk: one byte an offset and 16 bytes a record, in the temporary directory (TMPDIR), removed at the end; the byte map is memory
that the operating system may write out.
"""

import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from confluent_kafka import Message

from streams.kafka import reader
from streams.kafka.clock import CLOCK_DIFFERENCE
from streams.kafka.cluster import Cluster, Offsets
from streams.kafka.codec import ReadHeaders, source_of
from streams.kafka.connection import Connection
from streams.kafka.topics import DEAD_LETTERS, PREDICTIONS, SCORER_GROUP, TOPICS, TRANSACTIONS
from streams.ledger.reconcile import REJECTED, SCORED, Audit, IntArray, Reconciliation
from streams.ledger.repeated_ids import hash_id

OUTPUTS = {PREDICTIONS: SCORED, DEAD_LETTERS: REJECTED}
# Outputs that the broker may have deleted prove nothing about records of the same age; an hour so that none expire while reading.
_PROVABLE = timedelta(
    milliseconds=min(topic.retention_ms for topic in TOPICS if topic.name in OUTPUTS)
) - timedelta(hours=1)
_NOWHERE = (-1, -1)
_MAX_OFFSET = 2**63 - 1


def _untold(*_: object) -> None:
    """Nobody asked."""


def audit(
    connection: Connection,
    start: Mapping[int, int] | None = None,
    since: datetime | None = None,
    *,
    group: str = SCORER_GROUP,
    on_progress: reader.Progress = _untold,
    clock: Callable[[], float] = time.time,
) -> Audit:
    """Audits `transactions` to its end as it is now: all of it, or from the time `since` on, or from the offsets `start` (by partition).

    With `start`, `since` says only from when on outputs are read; without it, all of them are. Without `start`, records older than the
    outputs' retention are left out once outputs have been deleted.
    Raises cluster.ReadingError, KafkaException.
    """
    cluster = Cluster(connection)
    numbers = cluster.partitions(TRANSACTIONS, *OUTPUTS)
    end = cluster.end(TRANSACTIONS, numbers[TRANSACTIONS])
    committed = cluster.committed(group, TRANSACTIONS, numbers[TRANSACTIONS])
    if start is None:
        since = _provable(cluster, numbers, since, clock)
    begin = _begin(cluster, TRANSACTIONS, end, since if start is None else None)
    begin |= {
        number: min(max(offset, begin[number]), end[number])
        for number, offset in (start or {}).items()
        if number in end
    }
    ranges = {number: (begin[number], end[number]) for number in end}
    with (
        tempfile.TemporaryDirectory(prefix="fraud-ledger-") as directory,
        closing(Reconciliation(ranges, Path(directory))) as reconciliation,
    ):
        for batch in reader.read_with_progress(connection, TRANSACTIONS, begin, end, on_progress):
            _take_sent(reconciliation, batch)
        foreign = 0
        for topic, kind in OUTPUTS.items():
            until = cluster.end(topic, numbers[topic])
            beginning = _begin(cluster, topic, until, since and since - CLOCK_DIFFERENCE)
            foreign += sum(
                _take_outputs(reconciliation, kind, batch)
                for batch in reader.read_with_progress(
                    connection, topic, beginning, until, on_progress
                )
            )
        return reconciliation.finish(committed, foreign)


def _provable(
    cluster: Cluster,
    numbers: Mapping[str, list[int]],
    since: datetime | None,
    clock: Callable[[], float],
) -> datetime | None:
    """`since`, or the time from which on outputs cannot have been deleted, where some have been."""
    if not any(
        offset for topic in OUTPUTS for offset in cluster.earliest(topic, numbers[topic]).values()
    ):
        return since
    oldest = datetime.fromtimestamp(clock(), UTC) - _PROVABLE
    return max(since or oldest, oldest)


def _begin(cluster: Cluster, topic: str, end: Offsets, since: datetime | None) -> Offsets:
    return cluster.earliest(topic, list(end)) if since is None else cluster.since(topic, end, since)


def _numbers(values: Iterable[int], count: int) -> IntArray:
    return np.fromiter(values, np.int64, count)


def _take_sent(reconciliation: Reconciliation, batch: list[Message]) -> None:
    id_hashes = np.frombuffer(b"".join([hash_id(message.value()) for message in batch]), "<u8")
    partitions = _numbers((message.partition() for message in batch), len(batch))
    reconciliation.add_records(
        partitions, _numbers((message.offset() for message in batch), len(batch)), id_hashes
    )


def _take_outputs(reconciliation: Reconciliation, kind: int, batch: list[Message]) -> int:
    """Gives a batch of outputs to the reconciliation; returns how many have no readable source."""
    partitions, offsets = (
        np.array([_source(message.headers()) for message in batch], np.int64).reshape(-1, 2).T
    )
    reconciliation.add_outputs(
        kind, _numbers((message.partition() for message in batch), len(batch)), partitions, offsets
    )
    return int(np.count_nonzero(partitions < 0))


def _source(headers: ReadHeaders | None) -> tuple[int, int]:
    """(partition, offset), or _NOWHERE where the headers, which anybody can write, hold no such thing."""
    try:
        partition, offset = source_of(headers or [])
    except (KeyError, TypeError, ValueError):
        return _NOWHERE
    return (
        (partition, offset)
        if 0 <= partition <= _MAX_OFFSET and 0 <= offset <= _MAX_OFFSET
        else _NOWHERE
    )
