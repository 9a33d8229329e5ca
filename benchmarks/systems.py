"""The systems that are compared: how each is started, and what it guarantees."""

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import psutil

from benchmarks.bench import Bench
from streams.topics import SCORER_GROUP

EXACTLY_ONCE, AT_LEAST_ONCE = "exactly once", "at least once"


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
    variables: Mapping[str, str] = field(default_factory=dict)


def running(bench: Bench, system: System, prefix: str) -> AbstractContextManager[psutil.Popen]:
    """The system at work on the topics under `prefix`, until the context ends."""
    return bench.running(system.name, system.command(bench), {**bench.environment(prefix), **system.variables})


def ours(workers: int, guarantee: str = EXACTLY_ONCE) -> System:
    """`fraud score` with so many workers."""
    option = guarantee.replace(" ", "-")
    name = f"ours-{workers}" if guarantee == EXACTLY_ONCE else f"ours-{workers}-{option}"
    command = [sys.executable, "-m", "cli.main", "score", "--workers", str(workers), "--guarantee", option]
    return System(name, f"this project, {workers} worker{'s' if workers > 1 else ''}", guarantee, lambda _: command)


def with_batches(limit: int) -> System:
    """One worker that takes at most so many records at once."""
    command = [sys.executable, "-m", "benchmarks.batch_worker", "score"]
    title = f"this project, 1 worker, batches of up to {limit:,}"
    return System(f"batch-{limit}", title, EXACTLY_ONCE, lambda _: command, variables={"BENCH_MAX_BATCH": str(limit)})


WORKERS = (1, 2, 3, 4)
BATCHES = (64, 256, 1024, 2048, 4096, 8192)
_ALL = (*map(ours, WORKERS), ours(1, AT_LEAST_ONCE), ours(2, AT_LEAST_ONCE), *map(with_batches, BATCHES))
SYSTEMS = {system.name: system for system in _ALL}
