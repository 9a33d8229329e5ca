"""Throughput: a system drains the preloaded topic while its committed predictions are counted."""

import time
from dataclasses import asdict, dataclass, replace

import psutil

from benchmarks.harness.bench import DRAIN, Bench, BenchError
from benchmarks.harness.systems import System, run_system
from benchmarks.harness.topic import OutputCounts, count_outputs, find_output_ends, reset
from benchmarks.harness.usage import ProcessTree
from streams.kafka import topics
from streams.kafka.cluster import Cluster

_POLL_S = 0.1
_QUIET_S = 2.0  # without a new prediction, once all have arrived: done
_STALLED_S = 20.0  # without a new prediction, while some are missing: they are lost
_START_S = 90.0


@dataclass(frozen=True)
class Look:
    """One observation: the advance of the committed end of `predictions` and the CPU used so far.

    The advance is in offsets, including transaction markers.
    """

    at: float
    advance: int
    system_cpu_s: float
    broker_cpu_s: float


@dataclass(frozen=True)
class DrainResult(OutputCounts):
    """One run; `lost` is None if it was stopped early.

    Rates and CPU cover the time from the first look with predictions to the last.
    """

    system: str
    records: int
    per_second: float
    seconds: float
    system_cpu_us: float
    broker_cpu_us: float
    peak_process_mib: float
    peak_total_mib: float
    first_prediction_s: float
    complete: bool
    looks: list[tuple[float, int]]


def drain(bench: Bench, system: System, records: int) -> DrainResult:
    """Run the system on the preloaded `records` until it has finished or its time is up.

    Raises BenchError.
    """
    connection = bench.make_connection(DRAIN)
    reset(connection, system.group)
    begin = find_output_ends(connection)
    with run_system(bench, system, DRAIN) as process:
        started = time.monotonic()  # not earlier: a peer's command may install its environment
        watcher = _Watcher(bench, system, process, records, begin[topics.PREDICTIONS])
        complete = watcher.wait(started)
    counts = count_outputs(connection, begin, records)
    first = watcher.looks[0]
    last = watcher.looks[-1]
    if last.advance == first.advance:
        raise BenchError(f"{system.name}: all predictions appeared at once; use more records")
    share = counts.predictions / watcher.read_advance()  # the other offsets are markers
    scored = (last.advance - first.advance) * share
    return DrainResult(
        **asdict(counts if complete else replace(counts, lost=None)),
        system=system.name,
        records=records,
        per_second=scored / (last.at - first.at),
        seconds=last.at - first.at,
        system_cpu_us=1e6 * (last.system_cpu_s - first.system_cpu_s) / scored,
        broker_cpu_us=1e6 * (last.broker_cpu_s - first.broker_cpu_s) / scored,
        peak_process_mib=watcher.tree.peak_mib,
        peak_total_mib=watcher.tree.peak_total_mib,
        first_prediction_s=first.at - started,
        complete=complete,
        looks=[(look.at - first.at, look.advance) for look in watcher.looks],
    )


class _Watcher:
    """Checks the committed end of `predictions` ten times a second and records each advance."""

    def __init__(
        self,
        bench: Bench,
        system: System,
        process: psutil.Popen,
        records: int,
        begin: dict[int, int],
    ) -> None:
        self._bench = bench
        self._system = system
        self._process = process
        self._records = records
        self._begin = sum(begin.values())
        self._cluster = Cluster(bench.make_connection(DRAIN))
        self._partitions = list(begin)
        self.tree = ProcessTree(process)
        self._broker = ProcessTree(bench.find_broker_process())
        self.looks: list[Look] = []
        self._last = 0

    def wait(self, started: float) -> bool:
        """Wait until no more predictions arrive. Return False if the time was up first."""
        while True:
            time.sleep(_POLL_S)
            self._bench.check_running(self._process, self._system.name)
            self._look()
            now = time.monotonic()
            if not self.looks:
                if now - started > _START_S:
                    raise BenchError(
                        f"{self._system.name}: no prediction within {_START_S:.0f} s; "
                        f"see {self._bench.log(self._system.name)}"
                    )
                continue
            all_seen = self._last >= self._records
            if now - self.looks[-1].at > (_QUIET_S if all_seen else _STALLED_S):
                return True
            if not all_seen and now - self.looks[0].at > self._system.limit_s:
                return False

    def read_advance(self) -> int:
        """Return how far the committed end of `predictions` has advanced since the start."""
        ends = self._cluster.find_end(topics.PREDICTIONS, self._partitions)
        return sum(ends.values()) - self._begin

    def _look(self) -> None:
        advance = self.read_advance()
        if advance == self._last:
            return
        self._last = advance
        now = time.monotonic()
        self.looks.append(Look(now, advance, self.tree.sample(), self._broker.sample()))
