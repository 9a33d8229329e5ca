"""What tests of several tiers share: waiting for a condition, reading a topic back, and transactions that are valid."""

import json
import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from infra.kafka import ports
from payments.contract import COMPONENTS
from streams.kafka.connection import Connection
from streams.kafka.reader import gather

JARS = (
    Path(__file__).resolve().parents[2] / ".run" / "kafka" / "jars"
)  # shared with `fraud kafka start`: downloaded once
_POLL_S = 0.05


def wait_for(condition: Callable[[], Any], timeout: float, what: str) -> Any:
    """Returns the condition's first true value. Raises AssertionError with `what` when `timeout` seconds pass without one."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        time.sleep(_POLL_S)


def read_all(
    connection: Connection, topic: str, until_count: int, timeout: float = 60
) -> list[Message]:
    """The committed messages of a topic from its beginning to its end, once there are `until_count` of them: more show duplicates.

    Order is kept inside a partition. Raises AssertionError when fewer arrive within `timeout` seconds.
    """
    consumer = Consumer(
        connection.reader(settings={"enable.partition.eof": True, "fetch.wait.max.ms": 10})
    )
    name = connection.named(topic)
    try:
        partitions = set(consumer.list_topics(name, timeout=30).topics[name].partitions)
        consumer.assign([TopicPartition(name, partition, 0) for partition in partitions])
        return _read(consumer, name, partitions, until_count, timeout)
    finally:
        consumer.close()


def _read(
    consumer: Consumer, name: str, partitions: set[int], until_count: int, timeout: float
) -> list[Message]:
    deadline = time.monotonic() + timeout
    messages: list[Message] = []
    at_end: set[int] = set()
    while len(messages) < until_count or at_end != partitions:
        if time.monotonic() > deadline:
            raise AssertionError(
                f"{name}: {until_count} messages expected, {len(messages)} arrived within {timeout:g} s"
            )
        for message in gather(consumer, 10_000, 0.1):
            error = message.error()
            if error is None:
                messages.append(message)
                at_end.discard(message.partition())
            elif error.code() == KafkaError._PARTITION_EOF:
                at_end.add(message.partition())
            else:
                raise AssertionError(f"{name}: {error}")
    return messages


def transaction(i: int, **changes: Any) -> dict[str, Any]:
    """A valid transaction, different for each `i`; a change to None takes the field away."""
    values = {
        name: round(((i * 31 + n * 17) % 401 - 200) / 100, 2) for n, name in enumerate(COMPONENTS)
    }
    at = f"2013-09-01T{i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02}Z"
    fields = {
        "transaction_id": f"t-{i}",
        "event_time": at,
        **values,
        "Amount": i % 1000 + 0.5,
    } | changes
    return {name: value for name, value in fields.items() if value is not None}


def transaction_bytes(i: int, **changes: Any) -> bytes:
    """`transaction` as it stands on the bus."""
    return json.dumps(transaction(i, **changes)).encode()


def free_port(following: int = 0) -> int:
    """A port of 127.0.0.1 that is free, with so many free ones after it.

    It lies below the range that outgoing connections take theirs from (32768 on Linux), or one of those might take it first.
    """
    while True:
        port = random.randint(20_000, 32_000)
        if not any(ports.is_taken(port + i) for i in range(following + 1)):
            return port


def needs(program: str) -> str:
    """The path of a program of the system, by its Debian package's name. Where it is missing: a failure in CI, a skip elsewhere."""
    path = shutil.which(program)
    if path is None:
        outcome = pytest.fail if os.environ.get("CI") else pytest.skip
        outcome(f"{program} is not installed (Debian: apt-get install {program})")
    return path
