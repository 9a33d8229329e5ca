"""Progress of what is read from topics: a bar for each, on a terminal only."""

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import Progress

Update = Callable[[str, int, int], None]


@contextlib.contextmanager
def bars(quiet: bool) -> Iterator[Update]:
    """A function that takes (name, done, total) and draws it on stderr; it draws nothing with `quiet` or without a terminal."""
    with Progress(console=Console(stderr=True), transient=True, disable=quiet or not sys.stderr.isatty()) as progress:
        tasks = {}

        def update(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], completed=done)

        yield update
