"""Progress on a terminal: every bar looks like this one, with a rate and the time that is left."""

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

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Update = Callable[[str, int, int], None]

_SPEED_PERIOD_S = (
    300.0  # some steps take longer than the 30 s that Rich looks back: they would never have a rate
)


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """The rate of the last minutes; until it is known, that since the start."""
        speed = (
            task.finished_speed
            or task.speed
            or (task.completed / task.elapsed if task.elapsed else 0.0)
        )
        return Text(f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.1f}/s")


class _Counted(ProgressColumn):
    """Another column, and nothing before something is counted."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> RenderableType:
        """What the other column shows."""
        return self._column.render(task) if task.completed or task.total is not None else ""


Columns = tuple[ProgressColumn, ...]


def columns(done: ProgressColumn | None = None, rate: ProgressColumn | None = None) -> Columns:
    """What is done, a bar, how much of it, the rate, and the time that is left."""
    counted = _Counted(done or MofNCompleteColumn()), _Counted(rate or _Rate())
    return TextColumn("{task.description}"), BarColumn(), *counted, TimeRemainingColumn()


def of_bytes() -> Columns:
    """The same, of a download."""
    return columns(DownloadColumn(), TransferSpeedColumn())


def bar(quiet: bool, shown: Columns | None = None, console: Console | None = None) -> Progress:
    """What draws on stderr, or on `console`, and wipes it away at the end; with `quiet` or without a terminal it draws nothing."""
    console = console or Console(stderr=True)
    disabled = quiet or not console.file.isatty()  # FORCE_COLOR has Rich take a pipe for a terminal
    return Progress(
        *(shown or columns()),
        console=console,
        transient=True,
        disable=disabled,
        speed_estimate_period=_SPEED_PERIOD_S,
    )


@contextlib.contextmanager
def bars(quiet: bool) -> Iterator[Update]:
    """A function that takes (name, done, total), and draws a bar for each name."""
    with bar(quiet) as progress:
        tasks = {}

        def update(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], completed=done)

        yield update


@dataclass(frozen=True)
class Steps:
    """`say` names the step that begins, `count` takes (done, total) of it."""

    say: Callable[[str], None]
    count: Callable[[int, int], None]


@contextlib.contextmanager
def steps(quiet: bool, shown: Columns | None = None) -> Iterator[Steps]:
    """One bar for steps that follow each other; it runs to and fro while nothing is counted."""
    with bar(quiet, shown) as progress:

        def say(step: str) -> None:
            for task in progress.task_ids:
                progress.remove_task(task)
            progress.add_task(step, total=None)

        def count(done: int, total: int) -> None:
            progress.update(progress.task_ids[-1], completed=done, total=total)

        yield Steps(say, count)
