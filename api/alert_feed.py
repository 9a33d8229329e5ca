"""Fills the store: the end of `alerts`, the labels since then, and everything that comes after, in a thread of its own.

The consumer belongs to no group: every process that serves the page sees all alerts, and no offset is ever committed.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from api.alert_store import SIZE, WINDOWS, AlertStore, DriftWindow
from payments.records import AlertRecord, LabelRecord
from streams.kafka import newest, reader
from streams.kafka.cluster import Cluster, Offsets, ReadingError
from streams.kafka.connection import Connection
from streams.kafka.topics import ALERTS, DRIFT_EVENTS, LABELS

_WAIT_S = 0.2  # also how long a stop may take
_BATCH = 200  # a replay labels thousands a second; requests are answered in between
_RETRY_S = 1.0
_TIMESTAMP_MARGIN_S = 60.0  # clocks of the hosts that write alerts and labels may differ by so much
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)

log = logging.getLogger(__name__)


class Feed:
    """Keeps a store up to date while `run` runs. `loaded` is set once it shows what the topics hold; `problem` says why it may be old."""

    def __init__(self, connection: Connection, store: AlertStore) -> None:
        self._connection = connection
        self._store = store
        self._take: dict[str, Callable[[Message], None]] = {
            connection.named(ALERTS): self._alert,
            connection.named(LABELS): self._label,
            connection.named(DRIFT_EVENTS): self._drift,
        }
        self.loaded = threading.Event()
        self.problem: str | None = None

    def run(self, stop: threading.Event) -> None:
        """Until it is stopped. A cluster that does not answer is waited for; then everything is read again."""
        while not stop.is_set():
            try:
                self._follow(self._load(), stop)
            except (KafkaException, ReadingError) as error:
                self.problem = _text(error)
                log.warning("alerts cannot be read, trying again: %s", self.problem)
                stop.wait(_RETRY_S)

    def _load(self) -> dict[str, Offsets]:
        """Reads what is there; returns the offsets at which what comes later begins, by topic."""
        alerts, alerts_end = newest.read_newest(self._connection, ALERTS, SIZE)
        windows, windows_end = newest.read_newest(
            self._connection, DRIFT_EVENTS, WINDOWS, _is_window
        )
        cluster = Cluster(self._connection)
        labels_end = cluster.end(LABELS, cluster.partitions(LABELS)[LABELS])
        self._handle(alerts + windows)
        if alerts:
            oldest = datetime.fromtimestamp(
                alerts[0].timestamp()[1] / 1000 - _TIMESTAMP_MARGIN_S, UTC
            )
            begin = cluster.since(LABELS, labels_end, oldest)
            for batch in reader.read(self._connection, LABELS, begin, labels_end):
                self._handle(batch)
        self.problem = None
        self.loaded.set()
        return {ALERTS: alerts_end, LABELS: labels_end, DRIFT_EVENTS: windows_end}

    def _follow(self, begin: dict[str, Offsets], stop: threading.Event) -> None:
        consumer = Consumer(
            self._connection.reader(
                None, {"auto.offset.reset": "earliest", "error_cb": _raise_if_away}
            )
        )
        try:
            consumer.assign(list(self._positions(begin)))
            while not stop.is_set():
                batch = reader.poll_batch(consumer, _BATCH, _WAIT_S)
                reader.raise_errors(batch)
                self._handle(batch)
        finally:
            consumer.close()

    def _positions(self, begin: dict[str, Offsets]) -> Iterator[TopicPartition]:
        for topic, offsets in begin.items():
            for number, offset in offsets.items():
                yield TopicPartition(self._connection.named(topic), number, offset)

    def _handle(self, messages: list[Message]) -> None:
        """Takes each for what its topic says it is. What is none is left out and named: anybody may write to a topic."""
        for message in messages:
            try:
                self._take[message.topic()](message)
            except _UNREADABLE as error:
                log.warning(
                    "left out: %s partition %d offset %d: %s",
                    message.topic(),
                    message.partition(),
                    message.offset(),
                    error,
                )

    def _alert(self, message: Message) -> None:
        self._store.add_alert(
            f"{message.partition()}-{message.offset()}", _decoded(message, AlertRecord)
        )

    def _label(self, message: Message) -> None:
        self._store.add_label(_decoded(message, LabelRecord))

    def _drift(self, message: Message) -> None:
        if _kind(message) == "window":
            self._store.add_window(_decoded(message, DriftWindow))


class _DriftEvent(msgspec.Struct):
    kind: str = "window"  # the first events that a monitor wrote had none


def _kind(message: Message) -> str:
    """What labels said of a window, and what somebody is to be told, are on `drift.events` too."""
    return str(_decoded(message, _DriftEvent).kind)


def _is_window(message: Message) -> bool:
    try:
        return _kind(message) == "window"
    except _UNREADABLE:
        return False


def _decoded(message: Message, kind: type[Any]) -> Any:
    value = message.value() or b""
    value.decode()  # strict: msgspec does not look into text that it passes on unread, and a browser refuses it
    return msgspec.json.decode(value, type=kind)


def _raise_if_away(error: KafkaError) -> None:
    if error.code() == KafkaError._ALL_BROKERS_DOWN or error.fatal():
        raise KafkaException(error)


def _text(error: Exception) -> str:
    return str(error.args[0].str()) if isinstance(error, KafkaException) else str(error)
