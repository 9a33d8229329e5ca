"""Reads a topic from its newest records back, and only as far back as needed."""

from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import msgspec
from confluent_kafka import Message

from streams.kafka import reader
from streams.kafka.cluster import Cluster, Offsets
from streams.kafka.connection import Connection

_FIRST_WINDOW = 1_000  # offsets a partition: people look up recent alerts
_GROWTH = 8


def look_back(earliest: Offsets, end: Offsets, window: int) -> Iterator[tuple[Offsets, Offsets]]:
    """Yield (begin, end) offsets by partition that cover `earliest` to `end` from the end back.

    The first range holds up to `window` offsets a partition, each later one 8 times as many.
    """
    begin = end
    while any(begin[number] > earliest[number] for number in end):
        until = begin
        begin = {number: max(earliest[number], until[number] - window) for number in end}
        yield begin, until
        window *= _GROWTH


def read_newest(
    connection: Connection,
    name: str,
    limit: int,
    is_wanted: Callable[[Message], bool] = lambda _: True,
) -> tuple[list[Message], Offsets]:
    """Return the newest `limit` wanted records by timestamp, oldest first, and the end offsets.

    `reader.follow` continues from these offsets. Reads the whole topic if it holds fewer records.
    Raises ReadingError, KafkaException.
    """
    earliest, end = reader.find_range(Cluster(connection), name)
    newest: dict[int, list[Message]] = {number: [] for number in end}
    for begin, until in look_back(earliest, end, 2 * limit):  # each may be followed by a marker
        short = {
            number: offset
            for number, offset in begin.items()
            if offset < until[number] and len(newest[number]) < limit
        }
        if not short:
            break
        older: dict[int, deque[Message]] = {number: deque(maxlen=limit) for number in short}
        for message in chain.from_iterable(reader.read(connection, name, short, until)):
            if is_wanted(message):
                older[message.partition()].append(message)
        newest |= {number: [*older[number], *newest[number]][-limit:] for number in short}
    messages = sorted(chain(*newest.values()), key=lambda message: message.timestamp()[1])
    return messages[max(0, len(messages) - limit) :], end


def find_newest(
    connection: Connection,
    name: str,
    decoder: "msgspec.json.Decoder[Any]",
    transaction_id: str,
    progress: reader.ReadProgress,
) -> bytes | None:
    """Return the newest record that `decoder` can read and that has this transaction_id, or None.

    Of several records in the same range, the latest timestamp counts. Raises ReadingError,
    KafkaException.
    """
    earliest, end = reader.find_range(Cluster(connection), name)
    total = sum(end.values()) - sum(earliest.values())
    for begin, until in look_back(earliest, end, _FIRST_WINDOW):
        matches = [
            message
            for message in chain.from_iterable(reader.read(connection, name, begin, until))
            if _has_id(message.value(), decoder, transaction_id)
        ]
        if matches:
            newest: bytes = max(matches, key=lambda message: message.timestamp()[1]).value()
            return newest
        progress(name, sum(end.values()) - sum(begin.values()), total)
    return None


def _has_id(value: bytes | None, decoder: "msgspec.json.Decoder[Any]", transaction_id: str) -> bool:
    try:
        return bool(decoder.decode(value or b"").transaction_id == transaction_id)
    except (msgspec.DecodeError, UnicodeError, RecursionError):  # a topic may hold anything
        return False
