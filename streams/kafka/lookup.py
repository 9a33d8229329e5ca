"""Finds one record by its transaction_id, from the newest back, without reading a whole topic where that is not needed."""

from typing import Any

import msgspec
from confluent_kafka import Message

from streams.kafka import reader
from streams.kafka.cluster import Cluster
from streams.kafka.connection import Connection

_FIRST_WINDOW = 1_000  # offsets a partition: the newest alerts are those that people ask about
_GROWTH = 8


def newest_of(
    connection: Connection,
    name: str,
    decoder: "msgspec.json.Decoder[Any]",
    transaction_id: str,
    progress: reader.Progress,
) -> bytes | None:
    """The newest record of a topic that `decoder` can read and that has this transaction_id; None where there is none.

    It reads windows of offsets, each further back and larger, until one holds such a record; of several in it the latest timestamp
    counts. Raises ReadingError, KafkaException.
    """
    cluster = Cluster(connection)
    numbers = cluster.partitions(name)[name]
    end, earliest = cluster.end(name, numbers), cluster.earliest(name, numbers)
    total, until, window = sum(end.values()) - sum(earliest.values()), end, _FIRST_WINDOW
    while any(until[number] > earliest[number] for number in numbers):
        begin = {number: max(earliest[number], until[number] - window) for number in numbers}
        found: list[Message] = []
        for batch in reader.read(connection, name, begin, until):
            found += [message for message in batch if _is(message.value(), decoder, transaction_id)]
        if found:
            newest: bytes = max(found, key=lambda message: message.timestamp()[1]).value()
            return newest
        until, window = begin, window * _GROWTH
        progress(name, sum(end.values()) - sum(until.values()), total)
    return None


def _is(value: bytes | None, decoder: "msgspec.json.Decoder[Any]", transaction_id: str) -> bool:
    try:
        return bool(decoder.decode(value or b"").transaction_id == transaction_id)
    except (msgspec.DecodeError, UnicodeError, RecursionError):  # anybody may write to a topic
        return False
