"""POST /predict: how many a second one server answers, at what cost, and how soon when they come at fixed times.

The server is `fraud serve` as it is started for production, held to one core on Linux; the client is this process.
"""

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import psutil
import uvloop

from benchmarks import http_load
from benchmarks.bench import Bench, BenchError
from benchmarks.results import Entry
from model.artefact import Model
from producer.rows import Selection, read, transaction

PORT = 38000  # not the one of a demo that may be up
RATE = 1_000
P99_MS = 20.0  # with RATE: what is wanted of one core
_ROWS = (
    5_000  # of the test part: as many of them are suspicious, and have reasons, as on the stream
)
_WARM_UP_S = 2.0
_START_S = 60.0
_POLL_S = 0.1
_NO_LIMIT = "1000000/second"


@dataclass(frozen=True)
class Answers:
    """`per_second`: as fast as the server can. p50 to worst: milliseconds from a request's time to its answer, at `rate` a second.

    `per_cpu_second`: what one core does when the server has it for itself, however busy the machine is now.
    """

    per_second: float
    per_cpu_second: float
    cpu_us: float
    rate: int
    answered_per_second: float
    p50: float
    p95: float
    p99: float
    worst: float
    one_core: bool


def verdict(found: Iterable[Entry]) -> str:
    """Whether each of these runs was what is wanted, as a sentence."""
    runs = list(found)
    met = all(run["per_second"] >= RATE and run["p99"] < P99_MS for run in runs)
    held = all(run.get("one_core") for run in runs)
    core = "on one core" if held else "on one core (measured without holding the server to one)"
    return f"Wanted are {RATE:,} a second {core} at a p99 under {P99_MS:.0f} ms, in each run: {'met' if met else 'not met'}."


def answers(bench: Bench, seconds: float, rate: int = RATE) -> Answers:
    """Starts a server and asks it. Raises BenchError when it ends, http_load.AnswerError when it refuses."""
    first = Model.load(bench.model).manifest.test.first
    bodies = [
        transaction(row) for row in read(Selection(bench.data, first=first, limit=_ROWS), "bench")
    ]
    environment = bench.environment("live.") | {"FRAUD_API_PORT": str(PORT)}
    command = [sys.executable, "-m", "cli.main", "serve", "--rate-limit", _NO_LIMIT]
    with bench.running("serve", command, environment) as server:
        one_core = _hold(server)
        _wait(bench, server)
        uvloop.run(http_load.closed(PORT, bodies, _WARM_UP_S))
        fast, cpu = _with_cpu(server, lambda: uvloop.run(http_load.closed(PORT, bodies, seconds)))
        begin = time.perf_counter()
        latencies = uvloop.run(http_load.scheduled(PORT, bodies, rate, seconds))
        took = time.perf_counter() - begin
    p50, p95, p99, worst = (
        float(value) for value in np.percentile(latencies, [50, 95, 99, 100]) * 1000
    )
    return Answers(
        fast / seconds,
        fast / cpu,
        1e6 * cpu / fast,
        rate,
        len(latencies) / took,
        p50,
        p95,
        p99,
        worst,
        one_core,
    )


def _hold(server: psutil.Process) -> bool:
    """Holds it, and the threads that it will start, to one core, where the system can."""
    if sys.platform != "linux":
        return False
    server.cpu_affinity(server.cpu_affinity()[:1])
    return True


def _with_cpu(server: psutil.Process, work: Callable[[], Any]) -> tuple[Any, float]:
    """What it returns, and the CPU seconds of the server meanwhile."""
    before = server.cpu_times()
    result = work()
    after = server.cpu_times()
    return result, after.user + after.system - before.user - before.system


def _wait(bench: Bench, server: psutil.Popen) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        bench.check(server, "serve")
        try:
            with urlopen(f"http://127.0.0.1:{PORT}/health", timeout=1):
                return
        except (URLError, OSError):
            time.sleep(_POLL_S)
    raise BenchError(
        f"fraud serve did not answer within {_START_S:.0f} s; see {bench.log('serve')}"
    )
