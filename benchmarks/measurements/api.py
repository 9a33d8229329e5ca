"""POST /predict: the rate and CPU cost of one server, and its latency at a fixed rate.

The server is `fraud serve` as in production, pinned to one core on Linux. This process is the
client.
"""

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import psutil
import uvloop

from benchmarks.harness.bench import LIVE, Bench, BenchError
from benchmarks.harness.results import Entry
from benchmarks.measurements import http_load
from model.artefact import Model
from payments.schema.reading import DEFAULT, read_schema
from producer.rows import Selection, encode_transaction, read

PORT = 38000  # not the port of a demo that may be running
RATE = 1_000
P99_MS = 20.0  # the target at RATE, on one core
_ROWS = 5_000  # of the test part: as many of them are suspicious, with reasons, as on the stream
_WARM_UP_S = 2.0
_START_S = 60.0
_POLL_S = 0.1
_NO_LIMIT = "1000000/second"


@dataclass(frozen=True)
class ApiResult:
    """`per_second`: as fast as the server can answer. `p50` to `worst`: ms at `rate` a second.

    Latencies count from a request's scheduled time. `per_cpu_second` is the rate of one core that
    is not shared, however busy the machine is.
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


def describe_target(entries: Iterable[Entry]) -> str:
    """Say in one sentence whether each of these runs reached the target."""
    runs = list(entries)
    met = all(run["per_second"] >= RATE and run["p99"] < P99_MS for run in runs)
    pinned = all(run.get("one_core") for run in runs)
    core = "on one core" if pinned else "on one core (measured without pinning the server to one)"
    return (
        f"Target: {RATE:,} a second {core} with a p99 under {P99_MS:.0f} ms in every run: "
        f"{'met' if met else 'not met'}."
    )


def measure_api(bench: Bench, seconds: float) -> ApiResult:
    """Start a server and send requests.

    Raises BenchError if it exits and http_load.AnswerError if it rejects a request.
    """
    first = Model.load(bench.model, read_schema(DEFAULT)).manifest.test.first
    rows = read(Selection(bench.data, read_schema(DEFAULT), first=first, limit=_ROWS), "bench")
    bodies = [encode_transaction(row) for row in rows]
    environment = bench.environment(LIVE) | {"FRAUD_API_PORT": str(PORT)}
    command = [sys.executable, "-m", "cli.main", "serve", "--rate-limit", _NO_LIMIT]
    with bench.run("serve", command, environment) as server:
        one_core = _pin_to_one_core(server)
        _wait_until_ready(bench, server)
        uvloop.run(http_load.run_closed_loop(PORT, bodies, _WARM_UP_S))
        before = _read_cpu_seconds(server)
        answered = uvloop.run(http_load.run_closed_loop(PORT, bodies, seconds))
        cpu = _read_cpu_seconds(server) - before
        begin = time.perf_counter()
        latencies = uvloop.run(http_load.run_open_loop(PORT, bodies, RATE, seconds))
        took = time.perf_counter() - begin
    p50, p95, p99, worst = (np.percentile(latencies, [50, 95, 99, 100]) * 1000).tolist()
    return ApiResult(
        per_second=answered / seconds,
        per_cpu_second=answered / cpu,
        cpu_us=1e6 * cpu / answered,
        rate=RATE,
        answered_per_second=len(latencies) / took,
        p50=p50,
        p95=p95,
        p99=p99,
        worst=worst,
        one_core=one_core,
    )


def _pin_to_one_core(server: psutil.Process) -> bool:
    """Pin the server and its future threads to one core. Return False if the system cannot."""
    if sys.platform != "linux":
        return False
    server.cpu_affinity(server.cpu_affinity()[:1])
    return True


def _read_cpu_seconds(server: psutil.Process) -> float:
    times = server.cpu_times()
    return times.user + times.system


def _wait_until_ready(bench: Bench, server: psutil.Popen) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        bench.check_running(server, "serve")
        try:
            with urlopen(f"http://127.0.0.1:{PORT}/health", timeout=1):
                return
        except (URLError, OSError):
            time.sleep(_POLL_S)
    raise BenchError(
        f"fraud serve did not answer within {_START_S:.0f} s; see {bench.log('serve')}"
    )
