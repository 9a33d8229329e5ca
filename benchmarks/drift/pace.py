"""How fast `fraud monitor` goes through predictions that wait for it, reports included, and how much memory it takes."""

import re
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.request import urlopen

import psutil

from benchmarks.bench import DRAIN, Bench, BenchError, opened
from benchmarks.catalogue import SYSTEMS
from benchmarks.drain import drain
from benchmarks.topic import clear, forget, preload
from benchmarks.usage import Tree
from streams.kafka import topics

PORT = 29292  # not those of other benchmarks
METRICS_PORT = 39301
LOOK_S = 0.1
STALLED_S = 60.0  # the first window of a new size waits for its thresholds
_MIB = 2**20


@dataclass(frozen=True)
class Pace:
    """One run over `events` waiting predictions, in windows of `size`.

    `per_second`: from the first window to the last. `cpu_us`: CPU microseconds a prediction, of the monitor with its report process.
    `resident_mib`: of the monitor itself after a quarter of the windows, after half of them, and at the end.
    """

    size: int
    events: int
    per_second: float
    cpu_us: float
    resident_mib: tuple[float, float, float]
    peak_total_mib: float
    written: int
    skipped: int


@dataclass(frozen=True)
class Look:
    """`windows` closed, CPU seconds spent and resident memory, at one moment."""

    at: float
    windows: int
    cpu_s: float
    mib: float


def paces(records: int, sizes: Iterable[int]) -> list[Pace]:
    """Fills `predictions` with two workers, then lets the monitor go through all of it, once for each size. Raises BenchError."""
    with opened(PORT) as bench:
        preload(bench, records)
        drain(bench, SYSTEMS["ours-2"], records)
        return [_pace(bench, records, size) for size in sizes]


def _pace(bench: Bench, records: int, size: int) -> Pace:
    connection = bench.connection(DRAIN)
    forget(connection, topics.MONITOR_GROUP)
    clear(connection, topics.DRIFT_EVENTS)
    name, windows = f"monitor-{size}", records // size
    command = [
        sys.executable,
        "-m",
        "cli.main",
        "monitor",
        "--window",
        str(size),
        "--idle-close",
        "1h",
    ]
    environment = bench.environment(DRAIN) | {"FRAUD_MONITOR_PORT": str(METRICS_PORT)}
    with bench.running(name, command, environment) as process:
        tree = Tree(process)
        seen = list(looks(bench, process, tree, name, windows))
        written, skipped = (
            told('fraud_drift_reports_total{outcome="written"}'),
            told("fraud_drift_reports_skipped_total"),
        )
    first, last = seen[0], seen[-1]
    scored = (last.windows - first.windows) * size
    return Pace(
        size=size,
        events=records,
        per_second=scored / (last.at - first.at),
        cpu_us=1e6 * (last.cpu_s - first.cpu_s) / scored,
        resident_mib=(seen[len(seen) // 4].mib, seen[len(seen) // 2].mib, last.mib),
        peak_total_mib=tree.peak_total_mib,
        written=written,
        skipped=skipped,
    )


def looks(
    bench: Bench, process: psutil.Popen, tree: Tree, name: str, windows: int
) -> Iterator[Look]:
    """From the first window to the last, each time that there are more."""
    seen, at = 0, time.monotonic()
    while seen < windows:
        time.sleep(LOOK_S)
        bench.check(process, name)
        cpu, now, closed = tree.look(), time.monotonic(), told("fraud_drift_windows_total")
        if closed > seen:
            seen, at = closed, now
            yield Look(now, closed, cpu, process.memory_info().rss / _MIB)
        elif now - at > STALLED_S:
            raise BenchError(f"{name}: no window within {STALLED_S:.0f} s; see {bench.log(name)}")


def told(series: str) -> int:
    """A counter of the monitor; 0 while it does not answer."""
    try:
        with urlopen(f"http://127.0.0.1:{METRICS_PORT}/metrics", timeout=10) as answer:
            found = re.search(rf"^{re.escape(series)} (\S+)$", answer.read().decode(), re.MULTILINE)
    except OSError:
        return 0
    return int(float(found[1])) if found else 0
