"""Which windows get a report, and the folder in which reports lie.

A report takes seconds and a window at full speed a tenth of one: a window that comes while a report is being written and another
waits gets none, and is counted; so does one whose report a monitor that ended left behind. `fraud report --window N` makes it later.
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
from drift.reports.evidently_report import Task
from drift.reports.index import Point, Shelf
from drift.reports.process import Writer
from drift.windows.window import Floats
from streams.kafka.connection import Connection
from streams.kafka.topics import PREDICTIONS

log = logging.getLogger(__name__)

EVERY = 10
# a report is a page of 6 MB, most of it Evidently's own script
KEEP = 50
_OPEN = 2  # one is being written, one waits: else the first window that drifts goes without, where a routine report is under way
SHOWN = 1_000
"""Windows on the index page: more than it has room for points."""


def folder(connection: Connection) -> str:
    """Where reports lie below FRAUD_HOME: each prefix of topics numbers its windows from 1, so each has a folder of its own."""
    return f"reports/{connection.named(PREDICTIONS)}" if connection.topic_prefix else "reports"


def name(window: int) -> str:
    """The file of a window's report."""
    return f"window-{window:06d}.html"


class Reports:
    """A report for each window that drifted and for every `every`-th from the first on; the last `keep` of them stay.

    `home`: FRAUD_HOME. One thread owns it.
    """

    def __init__(
        self,
        writer: Writer,
        home: Path,
        folder: str,
        metrics: DriftMetrics,
        every: int = EVERY,
        keep: int = KEEP,
    ) -> None:
        self._writer, self._home, self._folder, self._metrics = writer, home, folder, metrics
        self._every, self._keep = every, keep
        self._points: deque[Point] = deque(maxlen=SHOWN)
        self._open: deque[Future[None]] = deque()
        self._index: Future[None] | None = None
        self._index_is_old = False

    def start(self, earlier: Sequence[WindowClosed], unseen: int) -> None:
        """The index goes on from these windows. From number `unseen` on, this process has begun no report of them.

        What was being written or waited when another process ended is skipped, not begun again: a report whose writing ends the process
        would end each that comes after it.
        """
        self._points = deque(map(_point, earlier), maxlen=SHOWN)
        planned = [
            (event.window, event.report)
            for event in earlier
            if event.report and event.window >= unseen
        ]
        for window, report in deque(planned, maxlen=min(_OPEN, self._keep)):
            if not (self._home / report).exists():
                log.warning(
                    "window %d goes without its report, the monitor was interrupted: `fraud report --window %d` writes it",
                    window,
                    window,
                )
                self._metrics.reports_skipped.inc()

    def planned(self, window: int, detected: bool | None) -> str | None:
        """Where the report of a window will lie below FRAUD_HOME; None where none is due, or another waits already."""
        return (
            f"{self._folder}/{name(window)}"
            if self._due(window, detected) and len(self._open) < _OPEN
            else None
        )

    def closed(self, event: WindowClosed, rows: Floats, verdict: Verdict | None) -> None:
        """A window is visible to readers: its report is begun if it was planned. `rows`: the sample of it that is shown."""
        self._points.append(_point(event))
        if event.report and verdict is not None:
            self._open.append(
                self._writer.write(Task(self._home / event.report, rows, verdict), self._shelf())
            )
            return
        self._index_is_old = True
        if self._due(event.window, event.detected):
            self._metrics.reports_skipped.inc()

    def step(self) -> None:
        """Takes note of what is written by now. Raises ReportProcessError."""
        while self._open and self._open[0].done():
            if self._succeeded(self._open.popleft()):
                self._metrics.reports.labels("written").inc()
        if self._index is not None and self._index.done():
            self._succeeded(self._index)
            self._index = None
        if self._index_is_old and self._index is None and not self._open:
            self._index, self._index_is_old = self._writer.write(None, self._shelf()), False

    def _due(self, window: int, detected: bool | None) -> bool:
        return detected is not None and (detected or (window - 1) % self._every == 0)

    def _succeeded(self, writing: Future[None]) -> bool:
        """Whether a page was written; a failure is counted, that of the index too."""
        try:
            writing.result()
        except ReportError as error:
            log.warning("%s", error)
            self._metrics.reports.labels("failed").inc()
            return False
        return True

    def _shelf(self) -> Shelf:
        return Shelf(self._home / self._folder, tuple(self._points), self._keep)


def _point(event: WindowClosed) -> Point:
    return Point(
        event.window,
        event.end or event.closed_at,
        event.events,
        event.score,
        event.detected,
        name(event.window),
    )
