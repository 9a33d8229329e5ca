"""Latency at fixed rates and the time to a first prediction: a system runs, transactions are sent, a plain reader waits for each."""

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from benchmarks.bench import LIVE, Bench, BenchError
from benchmarks.systems import System, running
from benchmarks.topic import clear, reset
from cli.commands.demo.measure import WARM_UP_S, LiveReader, end_offsets, latency
from streams.kafka import topics
from streams.kafka.cluster import Cluster

RATES = (500, 2_000, 10_000, 20_000, 40_000, 60_000, 80_000, 100_000)
SATURATED_S = 1.0  # a p99 beyond it: the queue grows, and more would only make it longer
_WARM_UP = 20_000
_WAIT_S = 30.0  # without one more prediction
_POLL_S = 0.05


class UnsentError(BenchError):
    """The broker did not take the transactions."""


@dataclass(frozen=True)
class Latency:
    """Seconds from the scheduled send time of a transaction until a reader of committed records had its prediction."""

    system: str
    rate: int
    achieved_per_second: float
    p50: float | None
    p95: float | None
    p99: float | None
    missing: int


@dataclass(frozen=True)
class Start:
    """Seconds from the start of a process to its first prediction, the group there already, records waiting."""

    command_s: float
    worker_s: float


class _Session:
    """Runs of transactions under the prefix `live.`, each with a name of its own."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._connection = bench.connection(LIVE)

    def prepare(self, system: System) -> None:
        """Nothing waits, and the group has never read."""
        clear(self._connection, topics.TRANSACTIONS)
        reset(self._connection, system.group)

    @contextmanager
    def sending(self, count: int, rate: float) -> Iterator["_Run"]:
        """Sends `count` transactions at `rate` (0: as fast as it can) while a reader waits for their predictions."""
        name = f"live{time.time_ns()}"
        reader = LiveReader(
            self._connection,
            end_offsets(Cluster(self._connection), topics.PREDICTIONS),
            name,
            0,
            count,
        )
        reader.start()
        try:
            with self._bench.load(LIVE, name, count, rate) as sender:
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

    def totals(self) -> dict[str, float]:
        """Waits until all are sent."""
        out, _ = self.sender.communicate()
        if self.sender.returncode:
            raise UnsentError("the transactions could not be sent")
        return dict(json.loads(out))

    def wait(self) -> int:
        """Until every prediction has come, or none has for _WAIT_S; returns how many are missing."""
        missing, deadline = -1, time.monotonic() + _WAIT_S
        while left := int(np.isnan(self.reader.arrived).sum()):
            if left != missing:
                missing, deadline = left, time.monotonic() + _WAIT_S
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_S)
        return left


def latencies(bench: Bench, system: System, rates: Sequence[int], seconds: float) -> list[Latency]:
    """One run a rate, of `seconds` each, the first WARM_UP_S not counted; ends with the rate that the system cannot keep up with."""
    session, found = _Session(bench), []
    session.prepare(system)
    with running(bench, system, LIVE) as process:
        _warm_up(session)
        for rate in rates:
            bench.check(process, system.name)
            try:
                with session.sending(int(rate * (seconds + WARM_UP_S)), rate) as run:
                    totals = run.totals()
                    missing = run.wait()
            except UnsentError as error:  # the broker itself cannot keep up
                print(f"{system.name}: {rate:,}/s: {error}")
                break
            measured = latency(run.reader.arrived, totals["started_at"], rate)
            found.append(
                Latency(
                    system.name, rate, totals["achieved_per_second"], **measured, missing=missing
                )
            )
            if missing or (found[-1].p99 or 0) > SATURATED_S:
                break
    return found


def start(bench: Bench, system: System) -> Start:
    """Starts the system twice: once to have the group there, and once with records waiting, which counts."""
    session = _Session(bench)
    session.prepare(system)
    with running(bench, system, LIVE):
        _warm_up(session)
    with session.sending(1000, 0) as run:
        run.totals()
        with running(bench, system, LIVE) as process:
            if run.wait():
                raise BenchError(
                    f"{system.name}: the predictions did not come; see {bench.log(system.name)}"
                )
            first = float(np.nanmin(run.reader.arrived))
            worker = next(
                child for child in process.children() if "spawn_main" in " ".join(child.cmdline())
            )
            return Start(first - process.create_time(), first - worker.create_time())


def _warm_up(session: _Session) -> None:
    with session.sending(_WARM_UP, 0) as run:
        run.totals()
        if run.wait():
            raise BenchError("the warm-up's predictions did not come")
