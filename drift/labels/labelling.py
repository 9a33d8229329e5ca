"""Evaluate windows older than the label horizon, and write each result to `drift.events`.

Only labels are kept in memory. A window's predictions are read again by their offsets once its
labels are due, so nothing is kept of millions of payments that may never be labelled. All state can
be rebuilt: a restart finds the windows without such an event and reads the labels from a horizon
before the oldest of them began, because a label may be older than its payment's prediction if the
scorer was behind. A process killed after writing an event finds it on the topic when it restarts.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from queue import SimpleQueue
from time import monotonic

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from drift.events import WindowClosed, WindowLabelled, read_events_since
from drift.labels.join import DecisionReader, measure_quality
from drift.labels.label_store import LabelStore
from drift.metrics import LabelMetrics
from drift.quality import POOLED_WINDOWS, Quality, frauds_rose, pool
from streams.kafka import reader, topics
from streams.kafka.auth import wait_for_topics
from streams.kafka.clock import get_utc_now
from streams.kafka.cluster import Cluster, Offsets
from streams.kafka.errors import (
    ReadingError,
    TopicRecreatedError,
    is_topic_missing,
    is_transient,
)
from streams.kafka.topic_changes import RECREATED_WITHIN_S, TopicChanges

log = logging.getLogger(__name__)

HORIZON_S = 24 * 3600.0
"""Analysts review alerts within a day, and a day covers each hour once.

Chargebacks take weeks, longer than predictions are kept.
"""
MAX_HORIZON_S = topics.BY_NAME[topics.PREDICTIONS].retention_ms / 1000 - 24 * 3600
_BATCH_WINDOWS = 50  # per read of predictions: opening a reader takes as long as reading 10,000
_ROUND_S = 5.0
_FLUSH_S = 10.0


class Labelling(threading.Thread):
    """A thread that evaluates windows by their labels.

    `horizon_s`: how long after a window's last event to wait for its labels. `now`: the clock of
    the records' timestamps. `since`: earlier windows do not count; None: all that are kept.
    """

    def __init__(
        self,
        decisions: DecisionReader,
        metrics: LabelMetrics,
        horizon_s: float,
        stop: threading.Event,
        now: Callable[[], datetime] = get_utc_now,
        since: datetime | None = None,
    ) -> None:
        super().__init__(name="labelling", daemon=True)
        self._decisions = decisions
        self._connection = decisions.connection
        self._metrics = metrics
        self._stop_asked = stop
        self._now = now
        self._since = since
        self._horizon = timedelta(seconds=horizon_s)
        self._round_s = min(_ROUND_S, horizon_s / 10)
        self._closed: SimpleQueue[WindowClosed] = SimpleQueue()
        self._pending: deque[WindowClosed] = deque()
        self._labelled: deque[WindowLabelled] = deque(maxlen=POOLED_WINDOWS)
        self._labels = self._make_store()
        self._changes: TopicChanges
        self._next: Offsets = {}
        self._last: WindowClosed | None = None
        self.failure: BaseException | None = None

    def record_window(self, event: WindowClosed) -> None:
        """Queue a committed window. Call from any thread."""
        self._closed.put(event)

    def run(self) -> None:
        """Run until `stop` is set; on an unrecoverable error set `failure` and `stop`."""
        try:
            wait_for_topics(
                self._connection,
                (topics.LABELS, topics.PREDICTIONS, topics.DRIFT_EVENTS),
                self._stop_asked,
            )
            self._retry(self._look)
            self._retry(self._restore)
            while not self._stop_asked.is_set():
                self._retry(self._round)
                self._stop_asked.wait(self._round_s)
        except BaseException as error:  # report it to the thread's owner
            self.failure = error
            self._stop_asked.set()

    def _retry(self, step: Callable[[], None]) -> None:
        """Run `step`, again after transient errors and while a topic is recreated.

        Logs an error once, until another follows.
        """
        missing_since: float | None = None
        said = ""
        while not self._stop_asked.is_set():
            try:
                step()
            except (KafkaException, ReadingError) as error:
                if is_topic_missing(error):
                    missing_since = missing_since or monotonic()
                    if monotonic() - missing_since > RECREATED_WITHIN_S:
                        raise
                elif isinstance(error, KafkaException) and not is_transient(error):
                    raise
                if str(error) != said:
                    log.warning("labels: %s, trying again", error)
                    said = str(error)
            else:
                return
            self._stop_asked.wait(self._round_s)

    def _look(self) -> None:
        self._changes = TopicChanges(self._connection, topics.LABELS, topics.PREDICTIONS)

    def _restore(self) -> None:
        """Restore the state from the events of the period for which predictions are kept."""
        since = self._now() - timedelta(seconds=MAX_HORIZON_S)
        if self._since is not None:
            since = max(since, self._since)
        events = list(read_events_since(self._connection, since))
        labelled = {event.window: event for event in events if isinstance(event, WindowLabelled)}
        self._labelled.extend(labelled.values())
        self._pending.extend(
            event
            for event in events
            if isinstance(event, WindowClosed) and event.end and event.window not in labelled
        )
        cluster = Cluster(self._connection)
        oldest = min((event.begin for event in self._pending if event.begin), default=self._now())
        end = cluster.find_end(topics.LABELS, self._changes.partitions(topics.LABELS))
        self._next = cluster.find_since(topics.LABELS, end, oldest - self._horizon)
        self._update_gauges()

    def _round(self) -> None:
        self._take_changes()
        self._take_windows()
        until = self._now() - self._horizon
        self._read_labels()
        while due := [
            event
            for event in islice(self._pending, _BATCH_WINDOWS)
            if event.end and event.end <= until
        ]:
            self._evaluate(due)
            for _ in due:
                self._last = self._pending.popleft()
        begins = [event.begin for event in (*self._pending, self._last) if event and event.begin]
        if begins:
            self._labels.forget(int((min(begins) - self._horizon).timestamp() * 1000))

    def _take_changes(self) -> None:
        """Read new partitions from their beginning, and a recreated topic too.

        Labels of a topic that is gone no longer count, and windows over one are not evaluated.
        """
        try:
            for partition in self._changes.take_new_partitions().get(topics.LABELS, ()):
                self._next[partition] = 0
        except TopicRecreatedError as error:
            log.warning("labels: %s", error)
            before = self._changes.topic_id(topics.LABELS)
            self._look()
            if self._changes.topic_id(topics.LABELS) != before:
                self._labels = self._make_store()
                self._next = dict.fromkeys(self._changes.partitions(topics.LABELS), 0)
        topic_id = self._changes.topic_id(topics.PREDICTIONS)
        gone = [event for event in self._pending if not event.is_of(topic_id)]
        if gone:
            log.warning("%d windows are not evaluated: their predictions are gone", len(gone))
            self._pending = deque(event for event in self._pending if event.is_of(topic_id))

    def _make_store(self) -> LabelStore:
        index_ms = int(self._horizon.total_seconds() * 1000 / 8)
        return LabelStore(self._decisions.rules, index_ms)

    def _take_windows(self) -> None:
        pending = [event.window for event in self._pending]
        newest = max([*pending, *(event.window for event in self._labelled)], default=0)
        while not self._closed.empty():
            event = self._closed.get()
            if event.window > newest:  # otherwise it was restored from the topic
                self._pending.append(event)

    def _read_labels(self) -> None:
        end = Cluster(self._connection).find_end(topics.LABELS, list(self._next))
        for batch in reader.read(self._connection, topics.LABELS, self._next, end):
            invalid = self._labels.add(batch, int(self._now().timestamp() * 1000))
            self._metrics.labels.labels("invalid").inc(invalid)
            self._metrics.labels.labels("valid").inc(len(batch) - invalid)
        self._next = end
        self._metrics.held.set(len(self._labels))
        self._metrics.dropped.inc(self._labels.take_dropped())

    def _evaluate(self, due: Sequence[WindowClosed]) -> None:
        labelled = self._labelled.copy()  # kept only if all events are written
        events = []
        qualities = measure_quality(self._decisions, due, self._labels, self._horizon)
        for window, quality in zip(due, qualities, strict=True):
            events.append(self._make_event(window, quality, labelled))
            labelled.append(events[-1])
        self._write(events)
        self._labelled = labelled
        self._metrics.rises.inc(sum(bool(event.frauds_rose) for event in events))
        self._update_gauges()

    def _make_event(
        self, window: WindowClosed, quality: Quality, before: Iterable[WindowLabelled]
    ) -> WindowLabelled:
        return WindowLabelled(
            window=window.window,
            judged_at=self._now(),
            horizon_seconds=self._horizon.total_seconds(),
            quality=quality,
            frauds_rose=frauds_rose([*(event.quality for event in before), quality]),
        )

    def _write(self, events: Iterable[WindowLabelled]) -> None:
        """Write events. Raises ReadingError if some were not acknowledged.

        Then write all again, as the last of a window counts.
        """
        producer = Producer(self._connection.make_writer_config())
        refused: list[KafkaError] = []

        def on_delivery(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                refused.append(error)

        for event in events:
            producer.produce(
                self._connection.qualify(topics.DRIFT_EVENTS),
                msgspec.json.encode(event),
                on_delivery=on_delivery,
            )
        if producer.flush(_FLUSH_S) or refused:
            reason = refused[0].str() if refused else f"not within {_FLUSH_S:.0f} s"
            raise ReadingError(f"drift.events did not accept an event ({reason})")

    def _update_gauges(self) -> None:
        if self._labelled:
            quality = pool(event.quality for event in self._labelled)
            self._metrics.show_quality(quality, self._labelled[-1].frauds_rose)
