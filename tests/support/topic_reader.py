"""Read a topic from its beginning to its end."""

import json
import time
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from streams.kafka.connection import Connection
from streams.kafka.reader import poll_batch


def read_all(
    connection: Connection, topic: str, until_count: int, timeout: float = 60
) -> list[Message]:
    """Return all committed messages of a topic, once there are at least `until_count`.

    More than `until_count` messages means duplicates. Order holds within each partition. Raises
    AssertionError if fewer arrive within `timeout` seconds.
    """
    consumer = Consumer(
        connection.make_reader_config(
            settings={"enable.partition.eof": True, "fetch.wait.max.ms": 10}
        )
    )
    name = connection.qualify(topic)
    try:
        partitions = set(consumer.list_topics(name, timeout=30).topics[name].partitions)
        consumer.assign([TopicPartition(name, partition, 0) for partition in partitions])
        return _read(consumer, name, partitions, until_count, timeout)
    finally:
        consumer.close()


def read_json(connection: Connection, topic: str, until_count: int) -> list[Any]:
    """Return the values of `read_all`, decoded."""
    return [json.loads(message.value()) for message in read_all(connection, topic, until_count)]


def _read(
    consumer: Consumer, name: str, partitions: set[int], until_count: int, timeout: float
) -> list[Message]:
    deadline = time.monotonic() + timeout
    messages: list[Message] = []
    at_end: set[int] = set()
    while len(messages) < until_count or at_end != partitions:
        if time.monotonic() > deadline:
            raise AssertionError(
                f"{name}: expected {until_count} messages, got {len(messages)} in {timeout:g} s"
            )
        for message in poll_batch(consumer, 10_000, 0.1):
            error = message.error()
            if error is None:
                messages.append(message)
                at_end.discard(message.partition())
            elif error.code() == KafkaError._PARTITION_EOF:
                at_end.add(message.partition())
            else:
                raise AssertionError(f"{name}: {error}")
    return messages
