"""The monitor: predictions into windows; for each a verdict and a report, then one transaction, then the gauges.

It keeps nothing on disk but reports. A window is in memory until it is committed; whatever ends the process before that, the next
one reads the same events again. One monitor a group: it numbers windows on from the last one on `drift.events`.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from confluent_kafka import KafkaException

from drift import predictions
from drift.committer import WindowCommitter
from drift.detect.decision import TOP, Usual, alert_rate, ranked
from drift.detect.detector import SAMPLE_ROWS, Verdict
from drift.detect.reference import ModelReference
from drift.detect.severity import Severity, resumed
from drift.events import WindowClosed, changed, recent_windows
from drift.metrics import DriftMetrics
from drift.prediction_stream import PredictionStream
from drift.reports.schedule import SHOWN, Reports
from drift.windows import window_reader
from drift.windows.idle_partitions import Silence
from drift.windows.tumbling import Windowing
from drift.windows.window import Floats, sample
from streams.kafka.auth import wait_for_topics
from streams.kafka.clock import utc_now
from streams.kafka.committer import BatchAbortedError, OutageError
from streams.kafka.connection import Connection
from streams.kafka.topics import DRIFT_EVENTS, PREDICTIONS

log = logging.getLogger(__name__)

MOST_EVENTS = 100_000
"""In a window by event time: 256 bytes an event, and what is computed on them; docs/drift.md says what was measured."""


@dataclass
class Monitor:
    """One member of the group `fraud-monitor`.

    `size`: events in a window, or the event time of one. `idle_close`: after so many seconds of silence a partition holds no window
    back, and where all are silent the remainder is closed. `closed` is told of each window once it is visible to readers. `clock`:
    seconds that only rise; `now`: the time.
    """

    connection: Connection
    instance: str
    model: ModelReference
    usual: Usual
    reports: Reports
    metrics: DriftMetrics
    closed: Callable[[WindowClosed], None]
    size: int | timedelta = 5_000
    idle_close: float = 10.0
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = utc_now
    ready: bool = False
    _number: int = 0  # of the window that is open

    def run(self, stop: threading.Event) -> None:
        """Watches until `stop` is set, and waits for a broker that does not answer.

        Raises DriftError, CommitFatalError, RefusedError, TopicMissingError, KafkaException.
        """
        while not stop.is_set():
            try:
                self._go_on(stop)
            except OutageError as error:
                log.warning(
                    "%s: going on with new clients, from the last window that is written", error
                )

    def _go_on(self, stop: threading.Event) -> None:
        """Watches with clients of its own, from what is committed."""
        wait_for_topics(self.connection, (PREDICTIONS, DRIFT_EVENTS), stop)
        if stop.is_set():
            return
        committer = WindowCommitter(self.connection, self.instance, stop)
        try:
            committer.open()
        except KafkaException:
            if stop.is_set():
                return
            raise
        earlier = recent_windows(self.connection, SHOWN)
        self.metrics.restore(earlier)
        last = earlier[-1] if earlier else None
        if (
            last and last.window == self._number
        ):  # it was written in the outage that ended the clients before, and nobody told us
            self._published(last)
        self.reports.start(earlier, unseen=self._number)
        self._number = last.window + 1 if last else 1
        self._severity = resumed((event.detected, event.severity) for event in earlier)
        self._trailing = window_reader.trailing(self.connection, earlier, as_left=True)
        stream = PredictionStream(
            self.connection, self._windowing(earlier), Silence(self.idle_close, self.clock)
        )
        try:
            self._watch(stream, committer, stop)
        finally:
            self.ready = False
            stream.close()

    def _watch(
        self, stream: PredictionStream, committer: WindowCommitter, stop: threading.Event
    ) -> None:
        while not stop.is_set():
            self.reports.step()
            stream.poll(stop)
            self.ready = stream.ready
            if stream.windows.due or (stream.silent and len(stream.windows.window)):
                self._close(stream, committer, stop)

    def _windowing(self, earlier: Sequence[WindowClosed]) -> Windowing:
        if isinstance(self.size, int):
            return Windowing(self.size, predictions.WIDTH)
        closed = [event.interval[0 if event.partial else 1] for event in earlier if event.interval]
        return Windowing(MOST_EVENTS, predictions.WIDTH, self.size, closed[-1] if closed else None)

    def _close(
        self, stream: PredictionStream, committer: WindowCommitter, stop: threading.Event
    ) -> None:
        window = stream.windows.window
        read = window.rows()
        rows = predictions.columns(read)
        verdict = self.model.reference.judge(rows, self._trailing)
        severity = self._severity.after(verdict.detected if verdict else None)
        event = self._event(stream.windows, verdict, severity, read)
        change = (
            changed(event, self._severity.name) if severity.level != self._severity.level else None
        )
        try:
            committer.commit_window(event, change, stream.group_metadata())
        except BatchAbortedError as error:
            log.warning("window %d was not written (%s): reading it again", self._number, error)
            stream.rewind(stop)
            return
        stream.open_window()
        self._number, self._severity = self._number + 1, severity
        if verdict is not None:
            self._trailing.add(rows)
        self.reports.closed(event, sample(rows, window.offsets, SAMPLE_ROWS), verdict)
        self._published(event)

    def _published(self, event: WindowClosed) -> None:
        self.metrics.window_closed(event)
        self.closed(event)

    def _event(
        self, windows: Windowing, verdict: Verdict | None, severity: Severity, read: Floats
    ) -> WindowClosed:
        window = windows.window
        begin, end = window.span
        return WindowClosed(
            window=self._number,
            offsets={str(partition): span for partition, span in window.offsets.items()},
            events=len(window),
            partial=not windows.complete,
            score=verdict.score if verdict else None,
            detected=verdict.detected if verdict else None,
            report=self.reports.planned(self._number, verdict.detected) if verdict else None,
            model_version=self.model.version,
            closed_at=self.now(),
            distances=verdict.distances if verdict else {},
            limits=verdict.limits if verdict else {},
            from_reference=verdict.from_reference if verdict else {},
            tail=verdict.tail if verdict else None,
            stuck=verdict.stuck if verdict else {},
            begin=datetime.fromtimestamp(begin, UTC),
            end=datetime.fromtimestamp(end, UTC),
            top=ranked(verdict.distances, self.usual.reliance)[:TOP] if verdict else [],
            alerts=alert_rate(
                predictions.alerts(read), len(window), end - begin, self.usual.alert_share
            ),
            severity=severity.name,
            interval=windows.interval,
            late=windows.late(predictions.event_times(read)),
        )
