"""Collect predictions into windows, detect drift, and publish events, gauges and reports.

Only reports are stored on disk. A window is in memory until it is committed; if the process ends
before that, the next one reads the same events again. Run one monitor per group: it continues the
window numbers found on `drift.events`.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import takewhile

from confluent_kafka import KafkaException
from msgspec import UNSET

from drift import predictions, window_reader
from drift.committer import WindowCommitter
from drift.detect.columns import Columns
from drift.detect.detector import SAMPLE_ROWS, Verdict
from drift.detect.impact import TOP, estimate_alert_rate, rank_features
from drift.detect.reference import ModelReference
from drift.detect.reference_profile import ReferenceProfile
from drift.detect.reference_shift import Comparison, ReferenceShift
from drift.detect.rolling_baseline import WINDOWS, RollingBaseline
from drift.detect.severity import Severity, replay_severity
from drift.events import WindowClosed, compare_severity, read_recent_windows
from drift.metrics import DriftMetrics
from drift.prediction_stream import PredictionStream
from drift.predictions import PredictionDecoder
from drift.reports.schedule import SHOWN, ReportSchedule
from drift.windows.idle_partitions import IdlePartitions
from drift.windows.tumbling import LATE_RUN, TumblingWindows
from drift.windows.window import sample
from payments.arrays import Floats
from streams.kafka.auth import wait_for_topics
from streams.kafka.clock import get_utc_now
from streams.kafka.connection import Connection
from streams.kafka.errors import BatchAbortedError, OutageError, TopicRecreatedError
from streams.kafka.topic_changes import TopicChanges
from streams.kafka.topics import DRIFT_EVENTS, PREDICTIONS

log = logging.getLogger(__name__)

MAX_EVENTS = 100_000
"""Limit of a window by event time.

It needs 256 bytes per event, plus temporary arrays; docs/drift.md has the measurements.
"""


@dataclass
class Monitor:
    """One member of the group `fraud-monitor`.

    `size`: events per window, or the event time of one. `idle_close`: seconds without events after
    which a partition no longer delays windows; if all are idle, the open window is closed.
    `since`: windows that were closed before are not compared with, nor shown; None: all count.
    `on_window_closed`: called with each committed window. `clock`: monotonic seconds; `now`: the
    current time.
    """

    connection: Connection
    instance: str
    reference: ModelReference
    profile: ReferenceProfile
    reports: ReportSchedule
    metrics: DriftMetrics
    on_window_closed: Callable[[WindowClosed], None]
    size: int | timedelta = 5_000
    idle_close: float = 10.0
    since: datetime | None = None
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = get_utc_now
    ready: bool = False
    _decoder: PredictionDecoder = field(init=False)
    _number: int = 0  # of the open window
    _topic_id: str = ""
    _severity: Severity = field(default_factory=Severity)
    _shift: ReferenceShift = field(default_factory=ReferenceShift)
    _baseline: RollingBaseline = field(default_factory=RollingBaseline)

    def __post_init__(self) -> None:
        self._decoder = PredictionDecoder(self.reference.encoder)

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set, across outages of the broker.

        Raises DriftError, CommitError, ConsumerError, RefusedError, TopicMissingError,
        KafkaException.
        """
        while not stop.is_set():
            try:
                self._run_clients(stop)
            except OutageError as error:
                log.warning("%s; continuing with new clients from the last committed window", error)
            except TopicRecreatedError as error:
                log.warning("%s; reading the new one from its beginning, without a baseline", error)

    def _run_clients(self, stop: threading.Event) -> None:
        """Run with new clients, from the committed offsets."""
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
        changes = TopicChanges(self.connection, PREDICTIONS)
        self._topic_id = changes.topic_id(PREDICTIONS)
        earlier = read_recent_windows(self.connection, SHOWN)
        # Offsets are committed with windows alone, so they are those of the last window's topic.
        comparable = list(takewhile(self._is_comparable, reversed(earlier)))[::-1]
        self._restore(earlier, comparable)
        idle = IdlePartitions(self.idle_close, self.clock)
        stream = PredictionStream(
            self.connection,
            changes,
            self._decoder,
            self._open_windows(comparable, idle),
            idle,
            self.metrics.skipped.labels(PREDICTIONS).inc,
        )
        if len(comparable) < len(earlier):
            log.warning(
                "predictions was recreated after window %d", earlier[-1 - len(comparable)].window
            )
            stream.ignore_offsets_except({int(p) for event in comparable for p in event.offsets})
        try:
            while not stop.is_set():
                self.reports.collect_finished()
                stream.poll(stop)
                self.ready = stream.ready
                if stream.windows.due or (stream.idle and len(stream.windows.window)):
                    self._close_window(stream, committer, stop)
        finally:
            self.ready = False
            stream.close()

    @property
    def _columns(self) -> Columns:
        return self.reference.detector.columns

    def _is_comparable(self, event: WindowClosed) -> bool:
        return event.is_of(self._topic_id)

    def _is_own(self, event: WindowClosed) -> bool:
        return self.since is None or event.closed_at >= self.since

    def _restore(self, earlier: Sequence[WindowClosed], comparable: Sequence[WindowClosed]) -> None:
        """Restore the state of the last committed window.

        `comparable`: those of the earlier windows that can be read again.
        """
        own = list(filter(self._is_own, earlier))
        self.metrics.restore(own)
        last = earlier[-1] if earlier else None
        if last and last.window == self._number:  # committed in an outage, unacknowledged
            self._report_window(last)
        self.reports.resume(earlier, first=self._number)
        self._number = last.window + 1 if last else 1
        self._severity = replay_severity((event.detected, event.severity) for event in own)
        own_comparable = list(filter(self._is_own, comparable))
        self._shift = self._restore_shift(own_comparable)
        self._baseline = window_reader.rebuild_baseline(
            self.connection, own_comparable, self._decoder, self._columns, skip_deleted=True
        )

    def _restore_shift(self, earlier: Sequence[WindowClosed]) -> ReferenceShift:
        """Return the state after the earlier windows that were compared with the same reference."""
        same = [event for event in earlier if event.model_version == self.reference.version]
        windows = [
            Comparison(event.events, event.beyond_reference, event.high_scores)
            for event in same
            if event.high_scores is not None
        ]
        return ReferenceShift(tuple(windows[-WINDOWS:]), same[-1].shifted if same else ())

    def _open_windows(
        self, earlier: Sequence[WindowClosed], idle: IdlePartitions
    ) -> TumblingWindows:
        if isinstance(self.size, int):
            return TumblingWindows(self.size, self._decoder.width)
        closed = [event.interval[0 if event.partial else 1] for event in earlier if event.interval]
        floor = closed[-1] if closed else None
        return TumblingWindows(
            MAX_EVENTS,
            self._decoder.width,
            self.size,
            floor,
            partial(self._report_late_run, idle),
        )

    def _report_late_run(self, idle: IdlePartitions, earliest: datetime) -> None:
        log.warning(
            "%d predictions in a row are older than the open window: windows begin again at %s",
            LATE_RUN,
            earliest.isoformat(timespec="seconds"),
        )
        self.metrics.late_runs.inc()
        idle.expect_all()  # a replay fills them one after another; its first window waits for all

    def _close_window(
        self, stream: PredictionStream, committer: WindowCommitter, stop: threading.Event
    ) -> None:
        window = stream.windows.window
        decoded = window.rows()
        rows = predictions.make_detector_rows(decoded, self._columns)
        verdict = self.reference.detector.detect(rows, self._baseline)
        severity = self._severity.advance(verdict.detected if verdict else None)
        shift = self._shift.advance(verdict.reference if verdict else None)
        event = self._make_event(stream.windows, verdict, severity, shift, decoded)
        change = None
        if severity.level != self._severity.level:
            change = compare_severity(event, self._severity.name)
        try:
            committer.commit_window(event, change, stream.get_group_metadata())
        except BatchAbortedError as error:
            log.warning("window %d was not committed (%s): reading it again", self._number, error)
            stream.rewind(stop)
            return
        stream.open_window()
        self._number += 1
        self._severity = severity
        self._shift = shift
        if verdict is not None:
            self._baseline.add(rows)
        self.reports.record_window(event, sample(rows, window.offsets, SAMPLE_ROWS), verdict)
        self._report_window(event)

    def _report_window(self, event: WindowClosed) -> None:
        self.metrics.record_window(event)
        self.on_window_closed(event)

    def _make_event(
        self,
        windows: TumblingWindows,
        verdict: Verdict | None,
        severity: Severity,
        shift: ReferenceShift,
        decoded: Floats,
    ) -> WindowClosed:
        window = windows.window
        begin, end = window.time_range
        return WindowClosed(
            window=self._number,
            offsets={str(partition): span for partition, span in window.offsets.items()},
            events=len(window),
            partial=not windows.complete,
            score=verdict.score if verdict else None,
            detected=verdict.detected if verdict else None,
            report=self.reports.plan(self._number, verdict.detected) if verdict else None,
            model_version=self.reference.version,
            closed_at=self.now(),
            distances=verdict.distances if verdict else {},
            limits=verdict.limits if verdict else {},
            from_reference=verdict.from_reference if verdict else {},
            tail=verdict.tail if verdict else None,
            stuck=verdict.constant_ratios if verdict else {},
            begin=datetime.fromtimestamp(begin, UTC),
            end=datetime.fromtimestamp(end, UTC),
            top=rank_features(verdict.distances, self.profile.reliance)[:TOP] if verdict else [],
            alerts=estimate_alert_rate(
                predictions.count_alerts(decoded),
                len(window),
                end - begin,
                self.profile.alert_share,
            ),
            severity=severity.name,
            interval=windows.interval,
            late=windows.count_late(predictions.get_event_times(decoded)),
            topic_id=self._topic_id,
            outliers=verdict.outliers if verdict else {},
            beyond_reference=verdict.reference.beyond if verdict else (),
            high_scores=verdict.reference.high_scores if verdict else None,
            shifted=shift.columns,
            reference_severity=shift.severity,
            shares=verdict.shares if verdict and verdict.shares else UNSET,
        )
