"""The systems that are compared: how each is started, and what it guarantees."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.bench import Bench
from streams.topics import SCORER_GROUP


@dataclass(frozen=True)
class System:
    """A system that reads `transactions` and writes `predictions` and `alerts` until it is ended.

    `command` makes its command line. `limit_s`: a slow one is stopped so long after its first prediction.
    """

    name: str
    title: str
    guarantee: str
    command: Callable[[Bench], list[str]]
    group: str = SCORER_GROUP
    limit_s: float = 300.0


def fraud_score(*options: str) -> Callable[[Bench], list[str]]:
    """The command line of this project's scorer."""
    return lambda _: [sys.executable, "-m", "cli.main", "score", *options]


def ours(workers: int) -> System:
    """`fraud score` with so many workers."""
    title = f"this project, {workers} worker{'s' if workers > 1 else ''}"
    return System(f"ours-{workers}", title, "exactly once", fraud_score("--workers", str(workers)))


def with_batches(limit: int) -> System:
    """One worker that takes at most so many records at once."""
    title = f"this project, 1 worker, batches of up to {limit:,}"
    return System(f"batch-{limit}", title, "exactly once", lambda _: [sys.executable, "-m", "benchmarks.batch_worker", str(limit)])


WORKERS = (1, 2, 3, 4)
BATCHES = (64, 256, 1024, 4096, 8192)
SYSTEMS = {system.name: system for system in (*map(ours, WORKERS), *map(with_batches, BATCHES))}
