"""Throughput: a system drains the preloaded topic, watched from outside by the end of its committed predictions."""

import time
from dataclasses import dataclass

import psutil

from benchmarks.bench import DRAIN, Bench, BenchError
from benchmarks.systems import System, running
from benchmarks.topic import begin_of, count, reset
from benchmarks.usage import Tree
from streams.kafka import topics
from streams.kafka.cluster import Cluster

_LOOK_S = 0.1
_QUIET_S = 2.0  # no prediction for so long, with all of them there: it is done
_STALLED_S = 20.0  # the same with some missing: they will not come
_START_S = 90.0


@dataclass(frozen=True)
class Look:
    """One look from outside: how far the committed offsets of `predictions` have come (markers included), CPU seconds spent up to then."""

    at: float
    advance: int
    system_cpu_s: float
    broker_cpu_s: float


@dataclass(frozen=True)
class Drained:
    """One run. Rates and CPU are between the first look that saw predictions and the last that saw more of them."""

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
    predictions: int
    duplicated: int
    lost: int | None
    alerts: int
    dead_letters: int
    looks: list[tuple[float, int]]


def drain(bench: Bench, system: System, records: int) -> Drained:
    """Runs the system over the preloaded `records` until all predictions are there, or its time is over. Raises BenchError."""
    connection = bench.connection(DRAIN)
    reset(connection, system.group)
    begin = begin_of(connection)
    with running(bench, system, DRAIN) as process:
        started = time.monotonic()  # not before: a peer's first command installs its environment
        watch = _Watch(bench, system, process, records, begin[topics.PREDICTIONS])
        complete = watch.until_done(started)
    written = count(connection, begin, records)
    first, last = watch.looks[0], watch.looks[-1]
    if last.advance == first.advance:
        raise BenchError(f"{system.name}: all predictions appeared at once; take more records")
    share = written.predictions / watch.advance()  # the rest of the offsets are markers
    scored = (last.advance - first.advance) * share
    return Drained(
        system=system.name,
        records=records,
        per_second=scored / (last.at - first.at),
        seconds=last.at - first.at,
        system_cpu_us=1e6 * (last.system_cpu_s - first.system_cpu_s) / scored,
        broker_cpu_us=1e6 * (last.broker_cpu_s - first.broker_cpu_s) / scored,
        peak_process_mib=watch.system.peak_mib,
        peak_total_mib=watch.system.peak_total_mib,
        first_prediction_s=first.at - started,
        complete=complete,
        predictions=written.predictions,
        duplicated=written.duplicated,
        lost=written.lost if complete else None,
        alerts=written.alerts,
        dead_letters=written.dead_letters,
        looks=[(look.at - first.at, look.advance) for look in watch.looks],
    )


class _Watch:
    """Looks at the end of `predictions` ten times a second, and remembers each time that it has moved."""

    def __init__(
        self,
        bench: Bench,
        system: System,
        process: psutil.Popen,
        records: int,
        begin: dict[int, int],
    ) -> None:
        self._bench, self._what, self._process = bench, system, process
        self._records, self._begin = records, sum(begin.values())
        self._cluster, self._partitions = Cluster(bench.connection(DRAIN)), list(begin)
        self.system, self._broker = Tree(process), Tree(bench.broker_process())
        self.looks: list[Look] = []
        self._last = 0

    def until_done(self, started: float) -> bool:
        """Whether as many predictions as records came; False when its time was over first, or no more came."""
        while True:
            time.sleep(_LOOK_S)
            self._bench.check(self._process, self._what.name)
            self._look()
            now = time.monotonic()
            if not self.looks:
                if now - started > _START_S:
                    raise BenchError(
                        f"{self._what.name}: no prediction within {_START_S:.0f} s; see {self._bench.log(self._what.name)}"
                    )
                continue
            quiet = now - self.looks[-1].at
            if self._last >= self._records and quiet > _QUIET_S:
                return True
            if quiet > _STALLED_S:
                return True
            if self._last < self._records and now - self.looks[0].at > self._what.limit_s:
                return False

    def advance(self) -> int:
        """How far the committed end of `predictions` is beyond where it began."""
        return sum(self._cluster.end(topics.PREDICTIONS, self._partitions).values()) - self._begin

    def _look(self) -> None:
        advance = self.advance()
        if advance == self._last:
            return
        self._last = advance
        self.looks.append(Look(time.monotonic(), advance, self.system.look(), self._broker.look()))
