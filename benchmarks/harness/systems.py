"""A system to measure: how to start it, and what it guarantees."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import psutil

from benchmarks.harness.bench import Bench
from streams.kafka.topics import SCORER_GROUP

EXACTLY_ONCE = "exactly once"
AT_LEAST_ONCE = "at least once"


@dataclass(frozen=True)
class System:
    """A system that reads `transactions` and writes `predictions` and `alerts` until stopped.

    `command` builds its command line. A slow system is stopped `limit_s` seconds after its first
    prediction.
    """

    name: str
    title: str
    guarantee: str
    command: Callable[[Bench], list[str]]
    group: str = SCORER_GROUP
    limit_s: float = 300.0
    variables: Mapping[str, str] = field(default_factory=dict)


def list_workers(supervisor: psutil.Popen) -> list[psutil.Process]:
    """Return the worker processes of `fraud score`, oldest first."""
    workers = [
        child for child in supervisor.children() if "spawn_main" in " ".join(child.cmdline())
    ]
    return sorted(workers, key=lambda child: float(child.create_time()))


def run_system(bench: Bench, system: System, prefix: str) -> AbstractContextManager[psutil.Popen]:
    """Run the system on the topics under `prefix` until the context exits."""
    environment = {**bench.environment(prefix), **system.variables}
    return bench.run(system.name, system.command(bench), environment)
