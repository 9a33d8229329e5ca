"""Progress bars, all with a rate and the time left."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Update = Callable[[str, int, int], None]

_SPEED_PERIOD_S = 300.0  # Rich's 30 s is shorter than some steps, which would have no rate


class _Rate(ProgressColumn):
    """Steps per second."""

    def render(self, task: Task) -> Text:
        """Return the rate of the last minutes, or since the start until that is known."""
        speed = (
            task.finished_speed
            or task.speed
            or (task.completed / task.elapsed if task.elapsed else 0.0)
        )
        return Text(f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.1f}/s")


class _Counted(ProgressColumn):
    """Another column, empty until something is counted."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> RenderableType:
        """Return the other column's text."""
        return self._column.render(task) if task.completed or task.total is not None else ""


Columns = tuple[ProgressColumn, ...]


def make_columns(done: ProgressColumn | None = None, rate: ProgressColumn | None = None) -> Columns:
    """Return the columns: description, bar, count, rate and time left."""
    return (
        TextColumn("{task.description}"),
        BarColumn(),
        _Counted(done or MofNCompleteColumn()),
        _Counted(rate or _Rate()),
        TimeRemainingColumn(),
    )


def make_download_columns() -> Columns:
    """Return the columns for a download."""
    return make_columns(DownloadColumn(), TransferSpeedColumn())


def make_bar(quiet: bool, shown: Columns | None = None, console: Console | None = None) -> Progress:
    """Return a progress display on stderr or `console`, erased at the end.

    It shows nothing if `quiet`, or without a terminal.
    """
    console = console or Console(stderr=True)
    # with FORCE_COLOR, Rich treats a pipe as a terminal
    disabled = quiet or not console.file.isatty()
    return Progress(
        *(shown or make_columns()),
        console=console,
        transient=True,
        disable=disabled,
        speed_estimate_period=_SPEED_PERIOD_S,
    )


@contextlib.contextmanager
def show_bars(quiet: bool) -> Iterator[Update]:
    """Yield a function (name, done, total) that draws a bar for each name."""
    with make_bar(quiet) as progress:
        tasks = {}

        def update(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], completed=done)

        yield update


@dataclass(frozen=True)
class Steps:
    """`say` starts a named step; `count` takes its (done, total)."""

    say: Callable[[str], None]
    count: Callable[[int, int], None]


@contextlib.contextmanager
def show_steps(quiet: bool, shown: Columns | None = None) -> Iterator[Steps]:
    """Yield one bar for successive steps; it pulses until something is counted."""
    with make_bar(quiet, shown) as progress:

        def say(step: str) -> None:
            for task in progress.task_ids:
                progress.remove_task(task)
            progress.add_task(step, total=None)

        def count(done: int, total: int) -> None:
            progress.update(progress.task_ids[-1], completed=done, total=total)

        yield Steps(say, count)
