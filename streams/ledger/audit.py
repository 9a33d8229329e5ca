"""Proves that each record of `transactions` has exactly one prediction or dead letter.

Outputs name their origin's (partition, offset), predictions in their value and dead letters in
headers; records are matched by it. The end of `transactions` is fixed first, the ends of the
outputs only after `transactions` was read, so the audit sees everything the scorer finished by
then.

Partition and offset say nothing once `transactions` is recreated, so the audit compares records and
outputs of one topic id only (streams.ledger.epochs).

Memory: about 200 MB at any topic size (measured: 110 to 190 MB for 400,000 records, of which 16 MB
are the Kafka client's queue and 50 MB the interpreter), plus 0.2 bytes a record while repeated ids
are counted. Disk: 1 byte an offset and 16 bytes a record in TMPDIR, removed at the end.
"""

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from confluent_kafka import Message

from payments.arrays import Ints
from streams.kafka import reader
from streams.kafka.clock import CLOCK_DIFFERENCE, get_utc_now
from streams.kafka.cluster import Cluster
from streams.kafka.connection import Connection
from streams.kafka.errors import TopicRecreatedError
from streams.kafka.messages import Position, read_origin, read_source
from streams.kafka.open_transactions import find_hidden
from streams.kafka.topics import DEAD_LETTERS, PREDICTIONS, SCORER_GROUP, TOPICS, TRANSACTIONS
from streams.ledger.epochs import Epochs
from streams.ledger.reconcile import REJECTED, SCORED, Audit, Reconciliation
from streams.ledger.repeated_ids import hash_id

OUTPUTS = {PREDICTIONS: SCORED, DEAD_LETTERS: REJECTED}
# An audit proves nothing about records whose outputs may have expired. The hour keeps outputs from
# expiring while they are read.
_PROVABLE = timedelta(
    milliseconds=min(topic.retention_ms for topic in TOPICS if topic.name in OUTPUTS)
) - timedelta(hours=1)
_UNKNOWN_ORIGIN = (-1, -1)
_MAX_OFFSET = 2**63 - 1


def _ignore_progress(*_: object) -> None:
    pass


def audit(
    connection: Connection,
    start: Mapping[int, int] | None = None,
    since: datetime | None = None,
    *,
    on_progress: reader.ReadProgress = _ignore_progress,
) -> Audit:
    """Audit `transactions` up to its current end.

    Starts at the offsets `start` (by partition), at the time `since`, or at the beginning.
    With `start`, `since` limits only which outputs are read. Without `start`, records older than
    the outputs' retention are left out if any outputs have been deleted.

    Raises ReadingError, KafkaException; TopicRecreatedError if the outputs may be those of an
    earlier topic.
    """
    cluster = Cluster(connection)
    ids = cluster.find_ids(TRANSACTIONS, *OUTPUTS)
    partitions = cluster.list_partitions(TRANSACTIONS, *OUTPUTS)
    hidden = find_hidden(cluster, TRANSACTIONS)
    if start is None:
        since = _limit_to_provable(cluster, partitions, since)
    begin, end = reader.find_range(
        cluster, TRANSACTIONS, partitions[TRANSACTIONS], since if start is None else None
    )
    committed = cluster.find_epochs(SCORER_GROUP, TRANSACTIONS, partitions[TRANSACTIONS])
    cluster.check_epochs(
        SCORER_GROUP,
        TRANSACTIONS,
        committed,
        OUTPUTS,
        "Nothing of the new topic counts as scored; `fraud score` says how to go on",
    )
    epochs = Epochs(committed, {topic: len(partitions[topic]) for topic in OUTPUTS})
    begin |= {
        number: min(max(offset, begin[number]), end[number])
        for number, offset in (start or {}).items()
        if number in end
    }
    begin |= {number: min(offset, end[number]) for number, offset in epochs.limit(begin).items()}
    ranges = {number: (begin[number], end[number]) for number in end}
    with (
        tempfile.TemporaryDirectory(prefix="fraud-ledger-") as directory,
        closing(Reconciliation(ranges, Path(directory))) as reconciliation,
    ):
        for batch in reader.read_with_progress(connection, TRANSACTIONS, begin, end, on_progress):
            _add_records(reconciliation, batch)
        foreign = earlier = 0
        for topic in OUTPUTS:
            begin, end = reader.find_range(
                cluster, topic, partitions[topic], since and since - CLOCK_DIFFERENCE
            )
            for batch in reader.read_with_progress(connection, topic, begin, end, on_progress):
                unreadable, other = _add_outputs(reconciliation, epochs, topic, batch)
                foreign += unreadable
                earlier += other
        _refuse_change(connection, ids, cluster.find_ids(TRANSACTIONS, *OUTPUTS))
        offsets = {number: position.offset for number, position in committed.items()}
        result = reconciliation.finish(offsets, foreign, earlier)
        return replace(result, hidden=sum(hidden.values()))


def _refuse_change(
    connection: Connection, before: Mapping[str, str], after: Mapping[str, str]
) -> None:
    for topic, topic_id in before.items():
        if after.get(topic) != topic_id:
            raise TopicRecreatedError.of(
                connection.qualify(topic),
                topic_id,
                after.get(topic, "none yet"),
                "It happened during this audit: run it again",
            )


def _limit_to_provable(
    cluster: Cluster,
    partitions: Mapping[str, list[int]],
    since: datetime | None,
) -> datetime | None:
    """Return `since`, moved into the outputs' retention if any outputs have been deleted."""
    if not any(
        offset
        for topic in OUTPUTS
        for offset in cluster.find_earliest(topic, partitions[topic]).values()
    ):
        return since
    oldest = get_utc_now() - _PROVABLE
    return max(since or oldest, oldest)


def _to_array(values: Iterable[int], count: int) -> Ints:
    return np.fromiter(values, np.int64, count)


def _add_records(reconciliation: Reconciliation, batch: list[Message]) -> None:
    reconciliation.add_records(
        _to_array((message.partition() for message in batch), len(batch)),
        _to_array((message.offset() for message in batch), len(batch)),
        np.frombuffer(b"".join([hash_id(message.value()) for message in batch]), "<u8"),
    )


def _add_outputs(
    reconciliation: Reconciliation, epochs: Epochs, topic: str, batch: list[Message]
) -> tuple[int, int]:
    """Add a batch of outputs.

    Return how many have no readable origin, and how many one of an earlier epoch.
    """
    origins = np.array([_read_origin(topic, message) for message in batch], np.int64)
    partitions, offsets = origins.reshape(-1, 2).T
    output_partitions = _to_array((message.partition() for message in batch), len(batch))
    output_offsets = _to_array((message.offset() for message in batch), len(batch))
    ours = epochs.contain(topic, output_partitions, output_offsets, partitions, offsets)
    reconciliation.add_outputs(
        OUTPUTS[topic], output_partitions[ours], partitions[ours], offsets[ours]
    )
    return int(np.count_nonzero(partitions < 0)), int(np.count_nonzero(~ours))


def _read_origin(topic: str, message: Message) -> Position:
    origin = read_source(message) if topic == PREDICTIONS else read_origin(message.headers())
    if origin is None or not all(0 <= number <= _MAX_OFFSET for number in origin):
        return _UNKNOWN_ORIGIN
    return origin
