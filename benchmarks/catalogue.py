"""All systems by name: several configurations of this project, and its peers."""

import sys

from benchmarks.harness.systems import AT_LEAST_ONCE, EXACTLY_ONCE, System
from benchmarks.peers.catalogue import PEERS


def _make_system(workers: int, guarantee: str = EXACTLY_ONCE) -> System:
    option = guarantee.replace(" ", "-")
    name = f"ours-{workers}" if guarantee == EXACTLY_ONCE else f"ours-{workers}-{option}"
    options = f"--workers {workers} --guarantee {option}".split()
    command = [sys.executable, "-m", "cli.main", "score", *options]
    return System(
        name,
        f"this project, {workers} worker{'s' if workers > 1 else ''}",
        guarantee,
        lambda _: command,
    )


def _limit_batches(limit: int) -> System:
    command = [sys.executable, "-m", "benchmarks.harness.batch_worker", "score"]
    title = f"this project, 1 worker, batches of up to {limit:,}"
    return System(
        f"batch-{limit}",
        title,
        EXACTLY_ONCE,
        lambda _: command,
        variables={"BENCH_MAX_BATCH": str(limit)},
    )


OURS = (_make_system(1), _make_system(2), _make_system(2, AT_LEAST_ONCE))
MORE_WORKERS = (_make_system(3), _make_system(4))
BATCHES = tuple(map(_limit_batches, (64, 256, 1024, 2048, 4096, 8192)))
SYSTEMS = {
    system.name: system
    for system in (*OURS, _make_system(1, AT_LEAST_ONCE), *MORE_WORKERS, *BATCHES, *PEERS)
}
