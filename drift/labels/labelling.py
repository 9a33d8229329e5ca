"""Joins labels to the windows that are older than the label horizon: what each came to is an event on `drift.events`.

Only labels are held in memory. A window's predictions are read again by its offsets once its labels had their time, so nothing is
kept of millions of payments that nobody will label. All of it can be rebuilt: a restart finds the windows that have no such event yet,
and reads the labels that arrived since a horizon before the oldest of them began: where the scorer is behind, a label may be older than
its payment's prediction. Killed between writing an event and knowing of it, it finds the event.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from queue import SimpleQueue

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from drift.events import WindowClosed, WindowLabelled, events_since
from drift.labels.join import qualities
from drift.labels.label_store import Labels
from drift.labels.quality import POOLED, frauds_rose, pooled
from drift.metrics import LabelMetrics
from streams.kafka import reader, topics
from streams.kafka.auth import wait_for_topics
from streams.kafka.clock import utc_now
from streams.kafka.cluster import PASSING, Cluster, Offsets, ReadingError
from streams.kafka.codec import own_headers
from streams.kafka.connection import Connection

log = logging.getLogger(__name__)

HORIZON_S = 24 * 3600.0
"""Analysts work off alerts within their day, and a day holds each hour once. Chargebacks take weeks, longer than predictions are kept."""
MAX_HORIZON_S = (
    next(topic.retention_ms for topic in topics.TOPICS if topic.name == topics.PREDICTIONS) / 1000
    - 24 * 3600
)
_TOGETHER = 50  # windows whose predictions are read in one go: opening a reader takes as long as reading 10,000
_ROUND_S = 5.0
_FLUSH_S = 10.0


class Labelling(threading.Thread):
    """`horizon_s`: how long after its last event a window's labels are waited for. `now`: the time, as records' timestamps have it."""

    def __init__(
        self,
        connection: Connection,
        metrics: LabelMetrics,
        horizon_s: float,
        stop: threading.Event,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(name="labelling", daemon=True)
        self._connection, self._metrics, self._stop_asked, self._now = (
            connection,
            metrics,
            stop,
            now,
        )
        self._horizon = timedelta(seconds=horizon_s)
        self._round_s = min(_ROUND_S, horizon_s / 10)
        self._arrived: SimpleQueue[WindowClosed] = SimpleQueue()
        self._pending: deque[WindowClosed] = deque()
        self._judged: deque[WindowLabelled] = deque(maxlen=POOLED)
        self._labels = Labels(stretch_ms=int(horizon_s * 1000 / 8))
        self._next: Offsets = {}
        self._last: WindowClosed | None = None
        self.failure: BaseException | None = None

    def window_closed(self, event: WindowClosed) -> None:
        """A window is visible to readers. Called from another thread."""
        self._arrived.put(event)

    def run(self) -> None:
        """The thread's body: sets `stop` and `failure` when it cannot go on."""
        try:
            wait_for_topics(
                self._connection,
                (topics.LABELS, topics.PREDICTIONS, topics.DRIFT_EVENTS),
                self._stop_asked,
            )
            self._persist(self._start_again)
            while not self._stop_asked.is_set():
                self._persist(self._round)
                self._stop_asked.wait(self._round_s)
        except BaseException as error:  # the thread ends here, and its owner is told why
            self.failure = error
            self._stop_asked.set()

    def _persist(self, step: Callable[[], None]) -> None:
        """Does it, again and again while the cluster is only busy with itself."""
        while not self._stop_asked.is_set():
            try:
                step()
            except (KafkaException, ReadingError) as error:
                cause = error.args[0]
                if (
                    isinstance(error, KafkaException)
                    and not cause.retriable()
                    and cause.code() not in PASSING
                ):
                    raise
                log.warning("labels: %s, trying again", error)
            else:
                return
            self._stop_asked.wait(self._round_s)

    def _start_again(self) -> None:
        """Where an earlier process ended: from the events of the time that predictions are kept for."""
        events = list(
            events_since(self._connection, self._now() - timedelta(seconds=MAX_HORIZON_S))
        )
        judged = {event.window: event for event in events if isinstance(event, WindowLabelled)}
        self._judged.extend(judged.values())
        self._pending.extend(
            event
            for event in events
            if isinstance(event, WindowClosed) and event.end and event.window not in judged
        )
        cluster = Cluster(self._connection)
        partitions = cluster.partitions(topics.LABELS)[topics.LABELS]
        oldest = min((event.begin for event in self._pending if event.begin), default=self._now())
        self._next = cluster.since(
            topics.LABELS, cluster.end(topics.LABELS, partitions), oldest - self._horizon
        )
        self._show()

    def _round(self) -> None:
        self._take_windows()
        until = self._now() - self._horizon
        self._read_labels()
        while due := [
            event for event in islice(self._pending, _TOGETHER) if event.end and event.end <= until
        ]:
            self._judge(due)
            for _ in due:
                self._last = self._pending.popleft()
        kept = [event.begin for event in (*self._pending, self._last) if event and event.begin]
        if kept:
            self._labels.forget(int((min(kept) - self._horizon).timestamp() * 1000))

    def _take_windows(self) -> None:
        known = max(
            [*(event.window for event in self._pending), *(event.window for event in self._judged)],
            default=0,
        )
        while not self._arrived.empty():
            event = self._arrived.get()
            if event.window > known:  # else it stood on the topic already
                self._pending.append(event)

    def _read_labels(self) -> None:
        end = Cluster(self._connection).end(topics.LABELS, list(self._next))
        for batch in reader.read(self._connection, topics.LABELS, self._next, end):
            invalid = self._labels.add(batch)
            self._metrics.labels.labels("invalid").inc(invalid)
            self._metrics.labels.labels("valid").inc(len(batch) - invalid)
        self._next = end
        self._metrics.held.set(len(self._labels))
        self._metrics.dropped.inc(self._labels.take_dropped())

    def _judge(self, due: Sequence[WindowClosed]) -> None:
        judged, rises = self._judged.copy(), 0  # until all are written: what fails is done again
        producer = Producer(self._connection.writer())
        refused: list[KafkaError] = []

        def reported(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                refused.append(error)

        for event, quality in zip(
            due, qualities(self._connection, due, self._labels, self._horizon), strict=True
        ):
            labelled = WindowLabelled(
                window=event.window,
                judged_at=self._now(),
                horizon_seconds=self._horizon.total_seconds(),
                quality=quality,
                frauds_rose=frauds_rose([*(one.quality for one in judged), quality]),
            )
            judged.append(labelled)
            rises += bool(labelled.frauds_rose)
            value = msgspec.json.encode(labelled)
            producer.produce(
                self._connection.named(topics.DRIFT_EVENTS),
                value,
                headers=own_headers(),
                on_delivery=reported,
            )
        if (
            producer.flush(_FLUSH_S) or refused
        ):  # what was taken all the same stands there twice then: the last event of a window counts
            raise ReadingError(
                f"drift.events takes no event ({refused[0].str() if refused else f'none within {_FLUSH_S:.0f} s'})"
            )
        self._judged = judged
        self._metrics.rises.inc(rises)
        self._show()

    def _show(self) -> None:
        if self._judged:
            self._metrics.judged(
                pooled(event.quality for event in self._judged), self._judged[-1].frauds_rose
            )
