"""A folder of reports: an index page that plots the score over time and links each report, and a limit to how many are kept."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import NamedTuple

from model.files import write_atomically

INDEX = "index.html"
_PATTERN = "window-*.html"
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 1000, 260, 40, 24
_TABLE_ROWS = 200

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Drift reports</title>
<link rel="icon" href="data:,"><style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 1060px; margin: 2em auto; padding: 0 1em; color: #1a1a1a; }}
svg {{ width: 100%; height: auto; }} svg text {{ font-size: 12px; fill: #555; }}
.grid {{ stroke: #ddd; }} .line {{ fill: none; stroke: #bbb; }}
.drift {{ fill: #d62728; color: #d62728; }} .none {{ fill: #4c78a8; }} a circle {{ stroke: #1a1a1a; }}
table {{ border-collapse: collapse; }} th, td {{ padding: .2em .8em; text-align: right; border-bottom: 1px solid #ddd; }}
</style></head><body><h1>Drift reports</h1>
<p>Share of features over their threshold, window by window, by record time.
Red: the window's verdict is drift. Ringed: it has a report.</p>
{plot}
<table><thead><tr><th>window</th><th>until (UTC)</th><th>events</th><th>score</th><th>verdict</th><th>report</th></tr></thead><tbody>
{rows}
</tbody></table></body></html>
"""


class IndexEntry(NamedTuple):
    """A window on the index page; `report`: the name of its report's file, None where there is none."""

    window: int
    until: datetime
    events: int
    score: float | None
    detected: bool | None
    report: str | None


@dataclass(frozen=True)
class ReportFolder:
    """A folder of reports, the windows to be shown, and how many reports are kept."""

    path: Path
    entries: Sequence[IndexEntry]
    keep: int


def update_folder(folder: ReportFolder) -> None:
    """Removes the oldest reports beyond the limit, and writes the index anew. Raises OSError."""
    reports = sorted(folder.path.glob(_PATTERN))
    surplus, kept = reports[: -folder.keep or None], reports[-folder.keep :] if folder.keep else []
    for path in surplus:
        path.unlink(missing_ok=True)
    write_atomically(folder.path / INDEX, page(folder.entries, {path.name for path in kept}))


def page(points: Sequence[IndexEntry], reports: set[str]) -> str:
    """The index page; links only what is in `reports`."""
    there = [point if point.report in reports else point._replace(report=None) for point in points]
    newest = there[: -_TABLE_ROWS - 1 : -1]
    return _PAGE.format(
        plot=_plot([point for point in there if point.score is not None]),
        rows="\n".join(map(_row, newest)),
    )


def _row(point: IndexEntry) -> str:
    verdict = {None: "too few events", False: "no drift", True: "drift"}[point.detected]
    score = "" if point.score is None else f"{point.score:.3f}"
    report = f'<a href="{escape(point.report)}">report</a>' if point.report else ""
    kind = ' class="drift"' if point.detected else ""
    cells = (
        f"{point.window}",
        f"{point.until:%Y-%m-%d %H:%M:%S}",
        f"{point.events:,}",
        score,
        verdict,
        report,
    )
    return f"<tr{kind}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _plot(points: Sequence[IndexEntry]) -> str:
    if not points:
        return "<p>No window has a verdict yet.</p>"
    begin, end = points[0].until.timestamp(), points[-1].until.timestamp()
    top = (
        math.ceil(10 * max(point.score or 0.1 for point in points)) / 10
    )  # one feature of thirty is drift: 1 would hide it
    inner, height = _WIDTH - 2 * _LEFT, _HEIGHT - 2 * _BOTTOM
    places = [
        (
            _LEFT + inner * ((point.until.timestamp() - begin) / ((end - begin) or 1.0)),
            _BOTTOM + height * (1 - (point.score or 0.0) / top),
        )
        for point in points
    ]
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="drift score by time">']
    for share in (0.0, top / 2, top):
        y = _BOTTOM + height * (1 - share / top)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _LEFT}" y1="{y}" y2="{y}"/><text x="4" y="{y + 4}">{share:g}</text>'
        )
    parts.append(
        f'<polyline class="line" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>'
    )
    parts += [_mark(point, x, y) for point, (x, y) in zip(points, places, strict=True)]
    for x, anchor, point in ((_LEFT, "start", points[0]), (_WIDTH - _LEFT, "end", points[-1])):
        parts.append(
            f'<text x="{x}" y="{_HEIGHT - 4}" text-anchor="{anchor}">{point.until:%Y-%m-%d %H:%M:%S}</text>'
        )
    return "\n".join([*parts, "</svg>"])


def _mark(point: IndexEntry, x: float, y: float) -> str:
    kind = "drift" if point.detected else "none"
    mark = f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>window {point.window}: {point.score:.3f}</title></circle>'
    return f'<a href="{escape(point.report)}">{mark}</a>' if point.report else mark
