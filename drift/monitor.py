"""The monitor: predictions into windows; for each a verdict and a report, then one transaction, then the gauges.

It keeps nothing on disk but reports. A window is in memory until it is committed; whatever ends the process before that, the next
one reads the same events again. One monitor a group: it numbers windows on from the last one on `drift.events`.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce

from confluent_kafka import KafkaException

from drift import predictions, rebuild
from drift.committer import WindowCommitter
from drift.decision import TOP, Usual, alert_rate, ranked
from drift.events import WindowClosed, changed, recent_windows
from drift.metrics import DriftMetrics
from drift.reference import ModelReference
from drift.reports import Reports
from drift.severity import Severity
from drift.statistics import SAMPLE_ROWS, Verdict
from drift.stream import PredictionStream
from drift.windows import Window, sample
from streams.access import wait_for_topics
from streams.clock import utc_now
from streams.committer import BatchAbortedError
from streams.connection import Connection
from streams.topics import DRIFT_EVENTS, PREDICTIONS

log = logging.getLogger(__name__)


@dataclass
class Monitor:
    """One member of the group `fraud-monitor`.

    `size`: events in a window. `idle_close`: seconds without an event after which the remainder is closed.
    `closed` is told of each window once it is visible to readers. `clock`: seconds that only rise; `now`: the time.
    """

    connection: Connection
    instance: str
    model: ModelReference
    usual: Usual
    reports: Reports
    metrics: DriftMetrics
    closed: Callable[[WindowClosed], None]
    size: int = 5_000
    idle_close: float = 10.0
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = utc_now
    ready: bool = False

    def run(self, stop: threading.Event) -> None:
        """Watches until `stop` is set, and waits for a broker that does not answer.

        Raises DriftError, CommitFatalError, RefusedError, TopicMissingError, KafkaException.
        """
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
        earlier = recent_windows(self.connection)
        self._number = earlier[-1].window + 1 if earlier else 1
        self.reports.start(earlier)
        self._severity = reduce(Severity.after, (event.detected for event in earlier), Severity())
        self._trailing = rebuild.trailing(self.connection, earlier)
        stream = PredictionStream(self.connection, self.size)
        try:
            self._watch(stream, committer, stop)
        finally:
            self.ready = False
            stream.close()

    def _watch(self, stream: PredictionStream, committer: WindowCommitter, stop: threading.Event) -> None:
        arrived = self.clock()
        while not stop.is_set():
            self.reports.step()
            if stream.poll(stop):
                arrived = self.clock()
            self.ready = stream.assigned
            idle = len(stream.window) > 0 and self.clock() - arrived >= self.idle_close
            if idle and not stream.cluster_answers():
                arrived = self.clock()  # silence says nothing while no broker answers
            elif idle or stream.window.full:
                self._close(stream, committer, stop)
                arrived = self.clock()

    def _close(self, stream: PredictionStream, committer: WindowCommitter, stop: threading.Event) -> None:
        window = stream.window
        read = window.rows()
        rows = predictions.columns(read)
        verdict = self.model.reference.judge(rows, self._trailing)
        severity = self._severity.after(verdict.detected if verdict else None)
        event = self._event(window, verdict, severity, predictions.alerts(read))
        change = changed(event, self._severity.name) if severity.level != self._severity.level else None
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
        self.metrics.window_closed(event)
        self.closed(event)

    def _event(self, window: Window, verdict: Verdict | None, severity: Severity, alerts: int) -> WindowClosed:
        begin, end = window.span
        return WindowClosed(
            window=self._number,
            offsets={str(partition): span for partition, span in window.offsets.items()},
            events=len(window),
            partial=not window.full,
            score=verdict.score if verdict else None,
            detected=verdict.detected if verdict else None,
            report=self.reports.planned(self._number, verdict.detected) if verdict else None,
            model_version=self.model.version,
            closed_at=self.now(),
            distances=verdict.distances if verdict else {},
            begin=datetime.fromtimestamp(begin, UTC),
            end=datetime.fromtimestamp(end, UTC),
            top=ranked(verdict.distances, self.usual.reliance)[:TOP] if verdict else [],
            alerts=alert_rate(alerts, len(window), end - begin, self.usual.alert_share),
            severity=severity.name,
        )
