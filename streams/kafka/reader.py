"""Reads whole stretches of a topic: from given offsets to given offsets, in no group.

On a transactional topic offsets have gaps (markers, aborted records), so the end is never "the record at end - 1".
"""

from collections.abc import Callable, Iterator, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.kafka.cluster import Offsets, ReadingError
from streams.kafka.connection import Connection

_BATCH = 500  # measured on predictions: 3.8 us of CPU a record, 5.7 us in batches of 10,000, which outgrow the caches
_WAIT_S = 0.1
_IDLE_WAITS = 600  # a minute without a record ends the reading
_READER = {
    "auto.offset.reset": "earliest",  # retention may delete the first records while they are read
    "enable.partition.eof": True,
    # the end of a partition shows when a fetch comes back empty; by default (500 ms) a ledger of 8 records took 1.3 s, now 0.35
    "fetch.wait.max.ms": 10,
    "fetch.queue.backoff.ms": 5,  # a fast reader stalls up to 1 s each time its queue is full
    "queued.max.messages.kbytes": 16_384,
}

Progress = Callable[[str, int, int], None]
"""Takes a topic, the records read and the offsets to read."""


class ReadingStoppedError(ReadingError):
    """Records that the cluster announced did not arrive."""


def gather(consumer: Consumer, limit: int, wait_s: float) -> list[Message]:
    """Waits up to `wait_s` for a record, then takes what else is there, `limit` in all; `consume` alone would wait for all of them."""
    first = consumer.poll(wait_s)
    return [] if first is None else [first, *consumer.consume(limit - 1, 0)]


def read(
    connection: Connection, name: str, begin: Mapping[int, int], end: Mapping[int, int]
) -> Iterator[list[Message]]:
    """Batches of the committed records with begin <= offset < end, by partition; each partition in its order.

    An empty batch comes while nothing arrives. Raises ReadingStoppedError after a minute of that, KafkaException on a fatal error.
    """
    open_until = {number: end[number] for number in begin if begin[number] < end[number]}
    topic, idle = connection.named(name), 0
    consumer = Consumer(connection.reader(None, _READER))
    try:
        consumer.assign([TopicPartition(topic, number, begin[number]) for number in open_until])
        while open_until:
            batch = consumer.consume(_BATCH, _WAIT_S)
            idle = 0 if batch else idle + 1
            if idle == _IDLE_WAITS:
                raise ReadingStoppedError(
                    f"{topic}: nothing arrived for a minute, partitions left: {sorted(open_until)}; is the broker up?"
                )
            before = set(open_until)
            yield _within(batch, open_until)
            finished = before - set(open_until)
            if finished:  # a live topic would go on being read
                consumer.pause([TopicPartition(topic, number) for number in finished])
    finally:
        consumer.close()


def read_with_progress(
    connection: Connection,
    name: str,
    begin: Mapping[int, int],
    end: Mapping[int, int],
    progress: Progress,
) -> Iterator[list[Message]]:
    """What `read` gives; `progress` is told of each batch once it was worked on."""
    done, total = 0, sum(end[number] - offset for number, offset in begin.items())
    for batch in read(connection, name, begin, end):
        yield batch
        done += len(batch)
        progress(name, done, total)


def _within(batch: list[Message], open_until: Offsets) -> list[Message]:
    """The records of a batch before their partition's end; takes the partitions that have ended out of `open_until`."""
    records = []
    for message in batch:
        number, offset, error = message.partition(), message.offset(), message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        end = open_until.get(number)
        if end is None:
            continue
        if error is None and offset < end:
            records.append(message)
        if offset >= end - (
            error is None
        ):  # the last record, one beyond it, or the end of the log with only markers left
            del open_until[number]
    return records
