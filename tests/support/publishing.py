"""Publish records as clients do, outside and inside Kafka transactions."""

import json
from collections.abc import Iterable
from typing import Any

from confluent_kafka import Producer

from streams.kafka.connection import Connection
from streams.kafka.topics import TRANSACTIONS
from support.data.transactions import make_transaction_bytes


def publish(
    connection: Connection, topic: str, values: Iterable[bytes | None], **options: Any
) -> None:
    """Write values to a topic, and return when the broker has confirmed or refused each.

    `options` are those of Producer.produce. By default, each value has its own key, so that they
    spread over the partitions.
    """
    producer = Producer(connection.make_writer_config())
    name = connection.qualify(topic)
    for number, value in enumerate(values):
        producer.produce(name, value, **{"key": f"t-{number}"} | options)
    assert producer.flush(60) == 0


def send(connection: Connection, numbers: Iterable[int], **options: Any) -> None:
    """Publish a valid transaction of each number."""
    publish(connection, TRANSACTIONS, map(make_transaction_bytes, numbers), **options)


def encode_source(partition: int, offset: int) -> bytes:
    """Return the part of a prediction that names its source."""
    return json.dumps({"source": {"partition": partition, "offset": offset}}).encode()


def open_transactional(connection: Connection, name: str = "client") -> Producer:
    """Return a producer of this transactional id that can begin transactions."""
    producer = Producer(
        connection.make_writer_config({"transactional.id": connection.qualify(name)})
    )
    producer.init_transactions(30)
    return producer
