"""Decide which windows get a report, and where reports are stored.

A report takes seconds, a window at full speed a tenth of one. If one report is being written and
another is waiting, later windows get none and are counted as skipped, as are reports that a stopped
monitor left unwritten. `fraud report --window N` writes them later.
"""

import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from drift.detect.detector import Verdict
from drift.errors import ReportError
from drift.events import WindowClosed
from drift.metrics import DriftMetrics
from drift.reports.evidently_report import ReportRequest
from drift.reports.index import IndexEntry, ReportFolder
from drift.reports.process import ReportWriter
from payments.arrays import Floats
from streams.kafka.connection import Connection
from streams.kafka.topics import PREDICTIONS

log = logging.getLogger(__name__)

EVERY = 10
# A report is a page of 6 MB, most of it Evidently's script.
KEEP = 50
# One being written and one waiting: with one alone, a routine report would make the first drifted
# window go without.
_MAX_UNFINISHED = 2
SHOWN = 1_000
"""Windows on the index page, more than its plot has room for."""


def name_reports_folder(connection: Connection) -> str:
    """Return the folder of reports below FRAUD_HOME.

    Each topic prefix numbers its windows from 1, so each has its own folder.
    """
    return f"reports/{connection.qualify(PREDICTIONS)}" if connection.topic_prefix else "reports"


def report_name(window: int) -> str:
    """Return the file name of a window's report."""
    return f"window-{window:06d}.html"


class ReportSchedule:
    """Request reports: of each drifted window, and of every `every`-th window from the first.

    Keep the last `keep`.

    `home`: FRAUD_HOME. Not thread-safe.
    """

    def __init__(
        self,
        writer: ReportWriter,
        home: Path,
        folder: str,
        metrics: DriftMetrics,
        every: int = EVERY,
        keep: int = KEEP,
    ) -> None:
        self._writer = writer
        self._home = home
        self._folder = folder
        self._metrics = metrics
        self._every = every
        self._keep = keep
        self._entries: deque[IndexEntry] = deque(maxlen=SHOWN)
        self._unfinished: deque[Future[None]] = deque()
        self._index: Future[None] | None = None
        self._index_is_stale = False

    def resume(self, earlier: Sequence[WindowClosed], first: int) -> None:
        """Continue the index from earlier windows; those from number `first` are another process's.

        Count reports that an earlier process left unwritten as skipped instead of starting them
        again: a report that crashes the process would crash every later one too.
        """
        self._entries = deque(map(_make_entry, earlier), maxlen=SHOWN)
        planned = [
            (event.window, event.report)
            for event in earlier
            if event.report and event.window >= first
        ]
        for window, report in deque(planned, maxlen=min(_MAX_UNFINISHED, self._keep)):
            if not (self._home / report).exists():
                log.warning(
                    "window %d has no report, because the monitor was interrupted: "
                    "`fraud report --window %d` writes it",
                    window,
                    window,
                )
                self._metrics.reports_skipped.inc()

    def plan(self, window: int, detected: bool | None) -> str | None:
        """Return the path below FRAUD_HOME for a window's report.

        Return None if none is due, or if another is already waiting.
        """
        if self._is_due(window, detected) and len(self._unfinished) < _MAX_UNFINISHED:
            return f"{self._folder}/{report_name(window)}"
        return None

    def record_window(self, event: WindowClosed, rows: Floats, verdict: Verdict | None) -> None:
        """Request the report of a committed window, if planned.

        `rows`: the sample of its rows to show.
        """
        self._entries.append(_make_entry(event))
        if event.report and verdict is not None:
            request = ReportRequest(
                self._home / event.report, verdict.clip(rows), verdict, shifted=event.shifted
            )
            self._unfinished.append(self._writer.write(request, self._report_folder()))
            return
        self._index_is_stale = True
        if self._is_due(event.window, event.detected):
            self._metrics.reports_skipped.inc()

    def collect_finished(self) -> None:
        """Count finished reports, and update the index if it is stale.

        Raises ReportProcessError, also if the process died while it had nothing to write.
        """
        self._writer.check()
        while self._unfinished and self._unfinished[0].done():
            if self._check_written(self._unfinished.popleft()):
                self._metrics.reports.labels("written").inc()
        if self._index is not None and self._index.done():
            self._check_written(self._index)
            self._index = None
        if self._index_is_stale and self._index is None and not self._unfinished:
            self._index = self._writer.write(None, self._report_folder())
            self._index_is_stale = False

    def _is_due(self, window: int, detected: bool | None) -> bool:
        return detected is not None and (detected or (window - 1) % self._every == 0)

    def _check_written(self, writing: Future[None]) -> bool:
        """Return whether a report or the index was written, and count a failure."""
        try:
            writing.result()
        except ReportError as error:
            log.warning("%s", error)
            self._metrics.reports.labels("failed").inc()
            return False
        return True

    def _report_folder(self) -> ReportFolder:
        return ReportFolder(self._home / self._folder, tuple(self._entries), self._keep)


def _make_entry(event: WindowClosed) -> IndexEntry:
    return IndexEntry(
        event.window,
        event.end or event.closed_at,
        event.events,
        event.score,
        event.detected,
        report_name(event.window),
        tuple(event.list_drifted()),
        event.shifted,
    )
