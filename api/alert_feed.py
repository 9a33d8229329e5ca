"""Fills the alert store from Kafka: the newest alerts, their labels, then everything new.

The consumer is in no group: every API process sees all alerts, and no offsets are committed.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message
from prometheus_client import CollectorRegistry

from api.alert_store import SIZE, WINDOWS, AlertStore, DriftWindow
from payments.records import UNREADABLE, KeptAlertRecord
from streams.kafka import newest, reader
from streams.kafka.clock import get_utc_now
from streams.kafka.cluster import Cluster, Offsets
from streams.kafka.connection import Connection
from streams.kafka.errors import ReadingError, TopicRecreatedError
from streams.kafka.messages import arrived_ms
from streams.kafka.topic_changes import TopicChanges
from streams.kafka.topics import ALERTS, DRIFT_EVENTS, LABELS
from streams.skipped_records import SkippedRecordLog, count_skipped_records

_WAIT_S = 0.2  # a stop may take as long
_BATCH = 200  # a replay labels thousands a second; the API answers requests between batches
_RETRY_S = 1.0
_CLOCK_MARGIN_S = 60.0  # tolerated between the clocks of the hosts that write alerts and labels
_TOPICS = (ALERTS, LABELS, DRIFT_EVENTS)

log = logging.getLogger(__name__)


class AlertFeed:
    """Keeps an alert store up to date while `run` runs.

    `loaded` is set once the store has what the topics hold. `problem` says why it may be stale.
    Alerts and windows from before `since` are left out.
    """

    def __init__(
        self,
        connection: Connection,
        store: AlertStore,
        registry: CollectorRegistry,
        since: datetime | None = None,
    ) -> None:
        self._connection = connection
        self._store = store
        self._since = since
        self._skipped = count_skipped_records(registry, _TOPICS)
        self._skips = SkippedRecordLog(log)
        self._topics = {connection.qualify(topic): topic for topic in _TOPICS}
        self._handlers: dict[str, Callable[[Message], None]] = {
            ALERTS: self._add_alert,
            LABELS: self._add_label,
            DRIFT_EVENTS: self._add_drift,
        }
        self.loaded = threading.Event()
        self.problem: str | None = None

    def run(self, stop: threading.Event) -> None:
        """Feed the store until `stop` is set. After an error, load everything again.

        If a topic is recreated, forget what the old one held.
        """
        while not stop.is_set():
            try:
                changes = TopicChanges(self._connection, *_TOPICS)
                self._follow(changes, self._load(), stop)
            except TopicRecreatedError as error:
                log.warning("%s; loading everything again, without what the old one held", error)
                self._store.clear()
            except (KafkaException, ReadingError) as error:
                self.problem = _describe(error)
                log.warning("cannot read alerts, retrying: %s", self.problem)
                stop.wait(_RETRY_S)

    def _load(self) -> dict[str, Offsets]:
        """Read what the topics hold; return the offsets to follow from, by topic."""
        alerts, alerts_end = newest.read_newest(self._connection, ALERTS, SIZE)
        windows, windows_end = newest.read_newest(
            self._connection, DRIFT_EVENTS, WINDOWS, _is_window
        )
        alerts = [message for message in alerts if self._is_recent(message)]
        windows = [message for message in windows if self._is_recent(message)]
        cluster = Cluster(self._connection)
        labels_end = cluster.find_end(LABELS)
        self._handle(alerts + windows)
        if alerts:
            oldest_s = alerts[0].timestamp()[1] / 1000 - _CLOCK_MARGIN_S
            begin = cluster.find_since(LABELS, labels_end, datetime.fromtimestamp(oldest_s, UTC))
            for batch in reader.read(self._connection, LABELS, begin, labels_end):
                self._handle(batch)
        self.problem = None
        self.loaded.set()
        return {ALERTS: alerts_end, LABELS: labels_end, DRIFT_EVENTS: windows_end}

    def _is_recent(self, message: Message) -> bool:
        return self._since is None or message.timestamp()[1] >= self._since.timestamp() * 1000

    def _follow(
        self, changes: TopicChanges, begin: dict[str, Offsets], stop: threading.Event
    ) -> None:
        settings = {"error_cb": _raise_outage}
        batches = reader.follow(self._connection, changes, begin, settings, _BATCH, _WAIT_S)
        with closing(batches):
            for batch in batches:
                self._handle(batch)
                if stop.is_set():
                    return

    def _handle(self, messages: list[Message]) -> None:
        """Add each message by its topic; log and skip what can't be decoded."""
        for message in messages:
            topic = self._topics[message.topic()]
            try:
                self._handlers[topic](message)
            except UNREADABLE as error:
                self._skipped.labels(topic).inc()
                self._skips.add(message, error)

    def _add_alert(self, message: Message) -> None:
        position = f"{message.partition()}-{message.offset()}"
        self._store.add_alert(position, _decode(message, KeptAlertRecord), message.timestamp()[1])

    def _add_label(self, message: Message) -> None:
        arrived = arrived_ms(message, int(get_utc_now().timestamp() * 1000))
        self._store.add_label(_read_text(message), arrived)

    def _add_drift(self, message: Message) -> None:
        if _get_kind(message) == "window":
            self._store.add_window(_decode(message, DriftWindow))


class _DriftEvent(msgspec.Struct):
    kind: str = "window"  # events of the first monitors have no kind


def _get_kind(message: Message) -> str:
    return str(_decode(message, _DriftEvent).kind)


def _is_window(message: Message) -> bool:
    try:
        return _get_kind(message) == "window"
    except UNREADABLE:
        return False


def _decode(message: Message, record: type[Any]) -> Any:
    return msgspec.json.decode(_read_text(message), type=record)


def _read_text(message: Message) -> bytes:
    """Return a record's value. Raises UnicodeDecodeError if it is not UTF-8."""
    value = message.value() or b""
    # msgspec doesn't validate the UTF-8 of raw JSON that it passes on, and browsers reject it.
    value.decode()
    return value


def _raise_outage(error: KafkaError) -> None:
    # not by `classify`, which also calls the loss of a single broker transient
    if error.code() == KafkaError._ALL_BROKERS_DOWN or error.fatal():
        raise KafkaException(error)


def _describe(error: Exception) -> str:
    return str(error.args[0].str()) if isinstance(error, KafkaException) else str(error)
