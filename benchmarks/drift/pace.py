"""Measure how fast `fraud monitor` processes waiting predictions, with reports, and its memory."""

import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from urllib.request import urlopen

import psutil

from benchmarks.catalogue import SYSTEMS
from benchmarks.harness.bench import DRAIN, Bench, BenchError, open_bench
from benchmarks.harness.topic import clear, forget, preload
from benchmarks.harness.usage import ProcessTree
from benchmarks.measurements.drain import drain
from streams.kafka import topics

PORT = 29292  # not the port of another benchmark
_METRICS_PORT = 39301
POLL_S = 0.1
STALLED_S = 60.0  # the first window of a new size waits for its thresholds
_MIB = 2**20


@dataclass(frozen=True)
class Pace:
    """One run over `events` waiting predictions, in windows of `size`.

    `per_second` counts from the first window to the last. `cpu_us` is CPU microseconds per
    prediction, of the monitor and its report process. `resident_mib` is the monitor's own memory
    after a quarter of the windows, after half of them, and at the end.
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
    """Windows closed, CPU seconds used and resident memory at one moment."""

    at: float
    windows: int
    cpu_s: float
    mib: float


def measure_paces(records: int, sizes: Iterable[int]) -> list[Pace]:
    """Fill `predictions` with two workers, then run the monitor over all of it once per size.

    Raises BenchError.
    """
    with open_bench(PORT) as bench:
        preload(bench, records)
        drain(bench, SYSTEMS["ours-2"], records)
        return [_measure_pace(bench, records, size) for size in sizes]


def _measure_pace(bench: Bench, records: int, size: int) -> Pace:
    connection = bench.make_connection(DRAIN)
    forget(connection, topics.MONITOR_GROUP)
    clear(connection, topics.DRIFT_EVENTS)
    name = f"monitor-{size}"
    windows = records // size
    with run_monitor(bench, name, "--window", str(size), "--idle-close", "1h") as process:
        tree = ProcessTree(process)
        looks = list(watch_windows(bench, process, tree, name, windows))
        written = read_counter('fraud_drift_reports_total{outcome="written"}')
        skipped = read_counter("fraud_drift_reports_skipped_total")
    first = looks[0]
    last = looks[-1]
    scored = (last.windows - first.windows) * size
    return Pace(
        size=size,
        events=records,
        per_second=scored / (last.at - first.at),
        cpu_us=1e6 * (last.cpu_s - first.cpu_s) / scored,
        resident_mib=(looks[len(looks) // 4].mib, looks[len(looks) // 2].mib, last.mib),
        peak_total_mib=tree.peak_total_mib,
        written=written,
        skipped=skipped,
    )


def run_monitor(bench: Bench, name: str, *options: str) -> AbstractContextManager[psutil.Popen]:
    """Run `fraud monitor` over the preloaded topics until the context exits."""
    command = [sys.executable, "-m", "cli.main", "monitor", *options]
    environment = bench.environment(DRAIN) | {"FRAUD_MONITOR_PORT": str(_METRICS_PORT)}
    return bench.run(name, command, environment)


def watch_windows(
    bench: Bench, process: psutil.Popen, tree: ProcessTree, name: str, windows: int
) -> Iterator[Look]:
    """Yield a look whenever more windows have closed, from the first window to the last."""
    seen = 0
    at = time.monotonic()
    while seen < windows:
        time.sleep(POLL_S)
        bench.check_running(process, name)
        cpu = tree.sample()
        now = time.monotonic()
        closed = read_counter("fraud_drift_windows_total")
        if closed > seen:
            seen = closed
            at = now
            yield Look(now, closed, cpu, process.memory_info().rss / _MIB)
        elif now - at > STALLED_S:
            raise BenchError(f"{name}: no window within {STALLED_S:.0f} s; see {bench.log(name)}")


def read_counter(series: str) -> int:
    """Return a counter of the monitor, 0 if it does not answer."""
    try:
        with urlopen(f"http://127.0.0.1:{_METRICS_PORT}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    except OSError:
        return 0
    match = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return int(float(match[1])) if match else 0
