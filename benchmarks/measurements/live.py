"""Latency at fixed rates and the time to a first prediction.

While a system runs, transactions are sent and a plain consumer waits for each prediction.
"""

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from benchmarks.harness.bench import LIVE, Bench, BenchError
from benchmarks.harness.systems import System, list_workers, run_system
from benchmarks.harness.topic import clear, reset
from cli.commands.demo.measure import WARM_UP_S, LiveReader, measure_latency
from streams.kafka import topics
from streams.kafka.cluster import Cluster

RATES = (500, 2_000, 10_000, 20_000, 40_000, 60_000, 80_000, 100_000)
SATURATED_S = 1.0  # a p99 beyond this: the queue grows, and higher rates would only lengthen it
_WARM_UP = 20_000
_WAIT_S = 30.0  # without a new prediction
_POLL_S = 0.05


class UnsentError(BenchError):
    """The broker did not accept the transactions."""


@dataclass(frozen=True)
class Latency:
    """Seconds from a transaction's scheduled send time to its committed prediction."""

    system: str
    rate: int
    achieved_per_second: float
    p50: float | None
    p95: float | None
    p99: float | None
    missing: int


@dataclass(frozen=True)
class Start:
    """Seconds from the start of a process to its first prediction.

    The group exists already and records are waiting.
    """

    command_s: float
    worker_s: float


class _Session:
    """Runs of transactions under the prefix `live.`, each with a unique name."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._connection = bench.make_connection(LIVE)

    def prepare(self, system: System) -> None:
        """Clear the topics and the group's offsets."""
        clear(self._connection, topics.TRANSACTIONS)
        reset(self._connection, system.group)

    def warm_up(self) -> None:
        """Send transactions that are not measured. Raises BenchError without predictions."""
        with self.send(_WARM_UP, 0) as run:
            run.wait_until_sent()
            if run.wait():
                raise BenchError("the predictions of the warm-up did not arrive")

    @contextmanager
    def send(self, count: int, rate: float) -> Iterator["_Run"]:
        """Send `count` transactions at `rate` (0: as fast as possible) while a reader waits."""
        name = f"live{time.time_ns()}"
        end = Cluster(self._connection).find_end(topics.PREDICTIONS)
        reader = LiveReader(self._connection, end, name, 0, count)
        reader.start()
        try:
            with self._bench.start_sender(LIVE, name, count, rate) as sender:
                try:
                    yield _Run(reader, sender)
                finally:
                    sender.terminate()
        finally:
            reader.stop()


@dataclass(frozen=True)
class _Run:
    reader: LiveReader
    sender: subprocess.Popen[bytes]

    def wait_until_sent(self) -> dict[str, float]:
        """Wait until everything is sent, and return the sender's totals."""
        out, _ = self.sender.communicate()
        if self.sender.returncode:
            raise UnsentError("cannot send the transactions")
        return dict(json.loads(out))

    def wait(self) -> int:
        """Wait for all predictions, or _WAIT_S without a new one; return how many are missing."""
        missing = -1
        deadline = time.monotonic() + _WAIT_S
        while left := int(np.isnan(self.reader.arrived).sum()):
            if left != missing:
                missing = left
                deadline = time.monotonic() + _WAIT_S
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_S)
        return left


def measure_latencies(
    bench: Bench, system: System, rates: Sequence[int], seconds: float
) -> list[Latency]:
    """Run each rate for `seconds`, after WARM_UP_S that do not count.

    Stops at the first rate that the system cannot sustain.
    """
    session = _Session(bench)
    latencies = []
    session.prepare(system)
    with run_system(bench, system, LIVE) as process:
        session.warm_up()
        for rate in rates:
            bench.check_running(process, system.name)
            try:
                with session.send(int(rate * (seconds + WARM_UP_S)), rate) as run:
                    totals = run.wait_until_sent()
                    missing = run.wait()
            except UnsentError as error:  # the broker itself cannot keep up
                print(f"{system.name}: {rate:,}/s: {error}")
                break
            measured = measure_latency(run.reader.arrived, totals["started_at"], rate)
            achieved = totals["achieved_per_second"]
            latencies.append(Latency(system.name, rate, achieved, **measured, missing=missing))
            if missing or (latencies[-1].p99 or 0) > SATURATED_S:
                break
    return latencies


def measure_start(bench: Bench, system: System) -> Start:
    """Start the system twice: first to create the group, then with records waiting to measure."""
    session = _Session(bench)
    session.prepare(system)
    with run_system(bench, system, LIVE):
        session.warm_up()
    with session.send(1000, 0) as run:
        run.wait_until_sent()
        with run_system(bench, system, LIVE) as process:
            if run.wait():
                log = bench.log(system.name)
                raise BenchError(f"{system.name}: the predictions did not arrive; see {log}")
            first = float(np.nanmin(run.reader.arrived))
            worker = list_workers(process)[0]
            return Start(first - process.create_time(), first - worker.create_time())
