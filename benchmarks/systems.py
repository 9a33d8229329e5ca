"""A system that is measured: how it is started, and what it guarantees."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import psutil

from benchmarks.bench import Bench
from streams.kafka.topics import SCORER_GROUP

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
    return bench.running(
        system.name, system.command(bench), {**bench.environment(prefix), **system.variables}
    )
