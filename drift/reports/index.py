"""Keep a folder of reports.

Limit their number, and write an index page with a plot of the scores.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from model.files import write_atomically

INDEX = "index.html"
_PATTERN = "window-*.html"
_TABLE_ROWS = 200
_WIDTH = 1000
_HEIGHT = 260
_MARGIN_X = 40
_MARGIN_Y = 24
_VERDICTS = {None: "too few events", False: "no drift", True: "drift"}


class IndexEntry(NamedTuple):
    """A window on the index page.

    `report`: the file name of its report, or None. `drifted`: what drifted, farthest first.
    `shifted`: what has differed from the model's reference for ten windows.
    """

    window: int
    until: datetime
    events: int
    score: float | None
    detected: bool | None
    report: str | None
    drifted: tuple[str, ...] = ()
    shifted: tuple[str, ...] = ()

    @property
    def until_text(self) -> str:
        """Return the end of the window as shown on the page."""
        return self.until.replace(tzinfo=None).isoformat(" ", "seconds")

    @property
    def verdict(self) -> str:
        """Return the verdict as shown on the page."""
        return _VERDICTS[self.detected]


@dataclass(frozen=True)
class ReportFolder:
    """A folder of reports, the windows to show on its index, and the number of reports to keep."""

    path: Path
    entries: Sequence[IndexEntry]
    keep: int


def update_folder(folder: ReportFolder) -> None:
    """Delete the oldest reports beyond the limit and rewrite the index. Raises OSError."""
    reports = sorted(folder.path.glob(_PATTERN))
    kept = reports[-folder.keep :] if folder.keep else []
    for path in reports[: len(reports) - len(kept)]:
        path.unlink(missing_ok=True)
    page = _render(folder.entries, {path.name for path in kept})
    write_atomically(folder.path / INDEX, page)


def _render(entries: Sequence[IndexEntry], reports: set[str]) -> str:
    """Return the index page, with links only to files in `reports`."""
    from jinja2 import Environment, PackageLoader  # the monitor's own process does without

    shown = [entry if entry.report in reports else entry._replace(report=None) for entry in entries]
    environment = Environment(
        loader=PackageLoader("drift.reports"), autoescape=True, keep_trailing_newline=True
    )
    return environment.get_template(INDEX).render(
        plot=_plot([entry for entry in shown if entry.score is not None]),
        rows=shown[: -_TABLE_ROWS - 1 : -1],
    )


def _plot(entries: Sequence[IndexEntry]) -> dict[str, Any] | None:
    """Return the coordinates of the plot, or None if there is nothing to show."""
    if not entries:
        return None
    begin = entries[0].until.timestamp()
    duration = entries[-1].until.timestamp() - begin or 1.0
    # Scale to the data: one of thirty features has drifted, which a fixed maximum of 1 would hide.
    top = math.ceil(10 * max(entry.score or 0.1 for entry in entries)) / 10
    width = _WIDTH - 2 * _MARGIN_X
    height = _HEIGHT - 2 * _MARGIN_Y
    marks = [
        {
            "entry": entry,
            "x": _MARGIN_X + width * ((entry.until.timestamp() - begin) / duration),
            "y": _MARGIN_Y + height * (1 - (entry.score or 0.0) / top),
        }
        for entry in entries
    ]
    grid = [
        {"share": share, "y": _MARGIN_Y + height * (1 - share / top)}
        for share in (0.0, top / 2, top)
    ]
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "left": _MARGIN_X,
        "right": _WIDTH - _MARGIN_X,
        "grid": grid,
        "marks": marks,
    }
