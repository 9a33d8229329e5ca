"""Reads a topic from given offsets, in no consumer group.

On a transactional topic, offsets have gaps (markers, aborted records), so the last record of a
partition is not always at `end - 1`.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import datetime
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from streams.kafka.cluster import Cluster, Offsets
from streams.kafka.connection import Connection
from streams.kafka.errors import ReadingStoppedError
from streams.kafka.topic_changes import TopicChanges

# Measured on predictions: 3.8 us of CPU a record; 5.7 us in batches of 10,000, which don't fit in
# the CPU caches.
_BATCH = 500
_WAIT_S = 0.1
_IDLE_WAITS = 600  # a minute without a record
_READER = {
    "auto.offset.reset": "earliest",  # retention may delete the first records during the read
    "enable.partition.eof": True,
    # An empty fetch marks the end of a partition. At the default of 500 ms an audit of 8 records
    # took 1.3 s; at 10 ms it takes 0.35 s.
    "fetch.wait.max.ms": 10,
    "fetch.queue.backoff.ms": 5,  # the default stalls a fast reader up to 1 s per full queue
    "queued.max.messages.kbytes": 16_384,
}
_FOLLOW_BATCH = 1_000
_FOLLOW_WAIT_S = 0.5  # Ctrl-C may take as long

ReadProgress = Callable[[str, int, int], None]
"""Called with a topic, the number of records read and the number of offsets to read."""


def poll_batch(consumer: Consumer, limit: int, wait_s: float) -> list[Message]:
    """Return up to `limit` records, waiting up to `wait_s` seconds for the first one only.

    `Consumer.consume` alone would wait for all of them.
    """
    first = consumer.poll(wait_s)
    return [] if first is None else [first, *consumer.consume(limit - 1, 0)]


def find_range(
    cluster: Cluster,
    name: str,
    partitions: list[int] | None = None,
    since: datetime | None = None,
) -> tuple[Offsets, Offsets]:
    """Return the first and the end offset of the committed records, by partition.

    With `since`, skip the records before the first one whose timestamp is `since` or later.
    Raises KafkaException.
    """
    end = cluster.find_end(name, partitions)
    if since is None:
        return cluster.find_earliest(name, list(end)), end
    return cluster.find_since(name, end, since), end


def read(
    connection: Connection, name: str, begin: Mapping[int, int], end: Mapping[int, int]
) -> Iterator[list[Message]]:
    """Yield batches of the committed records with begin <= offset < end; partitions keep order.

    Yields an empty batch while nothing arrives. Raises ReadingStoppedError after a minute of
    that, and KafkaException on a fatal error.
    """
    open_until = {number: end[number] for number in begin if begin[number] < end[number]}
    topic = connection.qualify(name)
    idle = 0
    consumer = Consumer(connection.make_reader_config(None, _READER))
    try:
        consumer.assign([TopicPartition(topic, number, begin[number]) for number in open_until])
        while open_until:
            batch = consumer.consume(_BATCH, _WAIT_S)
            idle = 0 if batch else idle + 1
            if idle == _IDLE_WAITS:
                raise ReadingStoppedError(
                    f"{topic}: no records for a minute, with partitions {sorted(open_until)} "
                    "unfinished; is the broker up?"
                )
            before = set(open_until)
            yield _take_within(batch, open_until)
            finished = before - set(open_until)
            if finished:  # or the client would keep fetching new records of a live topic
                consumer.pause([TopicPartition(topic, number) for number in finished])
    finally:
        consumer.close()


def read_with_progress(
    connection: Connection,
    name: str,
    begin: Mapping[int, int],
    end: Mapping[int, int],
    progress: ReadProgress,
) -> Iterator[list[Message]]:
    """Yield the batches of `read`; call `progress` after the caller has processed each one."""
    done = 0
    total = sum(end[number] - offset for number, offset in begin.items())
    for batch in read(connection, name, begin, end):
        yield batch
        done += len(batch)
        progress(name, done, total)


def follow(
    connection: Connection,
    changes: TopicChanges,
    begin: Mapping[str, Offsets],
    settings: Mapping[str, Any] | None = None,
    limit: int = _FOLLOW_BATCH,
    wait_s: float = _FOLLOW_WAIT_S,
) -> Generator[list[Message]]:
    """Yield the records of topics as they arrive, forever; an empty batch while there are none.

    Starts at the offsets `begin`, by topic. A partition without one, such as a new one, is read
    from its beginning. Raises TopicRecreatedError, and KafkaException on a fatal error.
    """

    def find_places(topic: str, partitions: list[int]) -> list[TopicPartition]:
        offsets = begin[topic]
        return [
            TopicPartition(connection.qualify(topic), number, offsets.get(number, OFFSET_BEGINNING))
            for number in partitions
        ]

    own = {"auto.offset.reset": "earliest"} | dict(settings or {})
    consumer = Consumer(connection.make_reader_config(None, own))
    try:
        consumer.assign(
            [place for topic in begin for place in find_places(topic, changes.partitions(topic))]
        )
        while True:
            batch = poll_batch(consumer, limit, wait_s)
            raise_errors(batch)
            yield batch
            for topic, partitions in changes.take_new_partitions().items():
                consumer.incremental_assign(find_places(topic, partitions))
    finally:
        consumer.close()


def raise_errors(batch: list[Message]) -> None:
    """Raise KafkaException if a message of the batch is an error event."""
    for message in batch:
        if message.error() is not None:
            raise KafkaException(message.error())


def _take_within(batch: list[Message], open_until: Offsets) -> list[Message]:
    """Return the records before their partition's end; drop ended partitions from `open_until`."""
    records = []
    for message in batch:
        number = message.partition()
        offset = message.offset()
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        end = open_until.get(number)
        if end is None:
            continue
        if error is None and offset < end:
            records.append(message)
        # A record ends its partition from `end - 1` on, an EOF event from `end` on: in that case
        # only transaction markers are left.
        if offset >= end - (error is None):
            del open_until[number]
    return records
