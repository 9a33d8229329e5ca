"""Reads the end of a topic: its newest records, and those that come after them."""

from collections import deque
from collections.abc import Callable, Iterator

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from streams.kafka import reader
from streams.kafka.cluster import Cluster, Offsets
from streams.kafka.connection import Connection

_BATCH = 1_000
_WAIT_S = 0.5  # also how long Ctrl-C may take
_GROWTH = 8


def _any(_: Message) -> bool:
    return True


def newest(
    connection: Connection, name: str, limit: int, wanted: Callable[[Message], bool] = _any
) -> tuple[list[Message], Offsets]:
    """The newest `limit` records by their timestamp, oldest first, and the offset by partition at which what comes later begins.

    Only those that are `wanted` count; where there are too few, the whole topic is read. Raises ReadingError, KafkaException.
    """
    cluster = Cluster(connection)
    numbers = cluster.partitions(name)[name]
    end, earliest = cluster.end(name, numbers), cluster.earliest(name, numbers)
    found: dict[int, deque[Message]] = {}
    begin, window = dict(end), 2 * limit  # a record alone in its transaction takes two offsets
    while short := [
        number
        for number in numbers
        if len(found.get(number, ())) < limit and begin[number] > earliest[number]
    ]:
        begin |= {number: max(earliest[number], end[number] - window) for number in short}
        found |= {number: deque(maxlen=limit) for number in short}
        for batch in reader.read(
            connection, name, {number: begin[number] for number in short}, end
        ):
            for message in batch:
                if wanted(message):
                    found[message.partition()].append(message)
        window *= _GROWTH
    messages = sorted(
        (message for kept in found.values() for message in kept),
        key=lambda message: message.timestamp()[1],
    )
    return messages[len(messages) - min(limit, len(messages)) :], end


def follow(connection: Connection, name: str, begin: Offsets) -> Iterator[list[Message]]:
    """The records of a topic from the offsets `begin` on, as they come, without an end. Raises KafkaException on a fatal error."""
    consumer = Consumer(connection.reader(None, {"auto.offset.reset": "earliest"}))
    try:
        consumer.assign(
            [
                TopicPartition(connection.named(name), number, offset)
                for number, offset in begin.items()
            ]
        )
        while True:
            batch = reader.gather(consumer, _BATCH, _WAIT_S)
            for message in batch:
                if message.error() is not None:
                    raise KafkaException(message.error())
            if batch:
                yield batch
    finally:
        consumer.close()
