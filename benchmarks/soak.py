"""Soak test: two workers at a steady rate, one of them killed repeatedly.

Run: python -m benchmarks.soak

Checks memory, the ledger and the probabilities. The older worker survives throughout; the younger
one is killed with SIGKILL every `--kill-every` seconds. Slopes are measured on the older worker
after the warm-up. At the end every transaction is scored again, undisturbed, and compared with
its prediction.
"""

import json
import math
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import psutil
import typer

from benchmarks.catalogue import SYSTEMS
from benchmarks.harness.bench import Bench, BenchError, open_bench
from benchmarks.harness.systems import list_workers, run_system
from benchmarks.harness.topic import clear
from drift import predictions
from model.artefact import Model, compute_probabilities
from payments.schema.reading import DEFAULT, read_schema
from streams.kafka import topic_admin, topics
from streams.kafka.cluster import Cluster
from streams.kafka.connection import Connection
from streams.kafka.reader import find_range, read
from streams.ledger.audit import audit
from streams.ledger.reconcile import Audit

_PORT = 29192  # not the port of another benchmark
_SYSTEM = replace(SYSTEMS["ours-2"], variables={"FRAUD_METRICS_PORT": "39201"})
_SAMPLE_S = 5.0
_MIB = 2**20
_STEPS = 20  # one a minute in twenty minutes, with a death in each
_WITHIN = 2.1  # standard errors: 95% of Student's t with _STEPS - 1 degrees of freedom
_MAX_MIB = 350e6 / _MIB  # promised for a worker
_PENDING_S = 60.0


@dataclass(frozen=True)
class Sample:
    """Resident memory of a worker, in MiB, `at` seconds after the start."""

    at: float
    pid: int
    mib: float


def estimate_slope(samples: list[Sample]) -> tuple[float, float]:
    """Return (MiB an hour, standard error), the mean of `_STEPS` steps in time.

    Memory is the sum of allocations and releases, so its steps are nearly independent and its
    levels are not. Least squares through the levels, which are constant between two steps, would
    understate the error.
    """
    chosen = [samples[i] for i in np.linspace(0, len(samples) - 1, _STEPS + 1).round().astype(int)]
    hours, mib = np.array([(sample.at / 3600, sample.mib) for sample in chosen]).T
    steps = np.diff(mib) / np.diff(hours)
    return float(steps.mean()), float(steps.std(ddof=1) / math.sqrt(len(steps)))


def watch(
    bench: Bench, supervisor: psutil.Popen, until: float, kill_every: float
) -> Iterator[Sample]:
    """Sample the workers every `_SAMPLE_S` for `until` seconds, killing the younger when due."""
    began = time.monotonic()
    due = kill_every
    while (passed := time.monotonic() - began) < until:
        bench.check_running(supervisor, _SYSTEM.name)
        try:
            workers = list_workers(supervisor)
            yield from [
                Sample(passed, worker.pid, worker.memory_info().rss / _MIB) for worker in workers
            ]
            if passed >= due and len(workers) == 2:
                workers[-1].send_signal(signal.SIGKILL)
                due += kill_every
                print(f"{passed:6.0f} s: worker {workers[-1].pid} killed", flush=True)
        except psutil.Error:  # one has just exited
            continue
        time.sleep(_SAMPLE_S)


def audit_when_settled(connection: Connection) -> Audit:
    """Return the ledger's audit when nothing is pending, or after `_PENDING_S`."""
    deadline = time.monotonic() + _PENDING_S
    while (books := audit(connection)).pending and time.monotonic() < deadline:
        time.sleep(1)
    return books


def count_differences(connection: Connection, model: Model) -> int:
    """Score every transaction again, and count probabilities that differ in any bit."""
    begin, end = find_range(Cluster(connection), topics.PREDICTIONS)
    differences = 0
    decoder = predictions.PredictionDecoder(model.decoder.encoder)
    for batch in read(connection, topics.PREDICTIONS, begin, end):
        if not batch:
            continue
        rows = decoder.decode(batch).rows
        again = compute_probabilities(
            model.compute_margins(predictions.get_inputs(rows).astype(np.float32))
        )
        differences += int(np.count_nonzero(again != predictions.get_probabilities(rows)))
    return differences


def print_report(samples: list[Sample], warm_up: float, books: Audit, differences: int) -> bool:
    """Print the results, and return whether every promise holds.

    The slope covers the time after `warm_up` seconds.
    """
    pids = list(dict.fromkeys(sample.pid for sample in samples))
    steady = [sample for sample in samples if sample.pid == pids[0] and sample.at >= warm_up]
    first = steady[0]
    last = steady[-1]
    print(f"worker 0: {first.mib:.1f} MiB at {first.at:.0f} s, {last.mib:.1f} at {last.at:.0f} s")
    slope, error = estimate_slope(steady)
    level = abs(slope) <= _WITHIN * error
    verdict = "0 within its error" if level else "NOT 0"
    print(f"slope: {slope:+.1f} MiB an hour, standard error {error:.1f}: {verdict}")
    largest = max(sample.mib for sample in samples)
    print(f"largest of {len(pids)} workers: {largest:.1f} MiB (limit: {math.floor(_MAX_MIB)})")
    print(
        f"ledger: sent {books.sent:,}, scored {books.scored:,}, lost {books.lost}, "
        f"duplicated {books.duplicated}, phantom {books.phantom}, pending {books.pending}"
    )
    print(f"scored again, undisturbed: {differences} probabilities differ")
    return level and largest <= _MAX_MIB and books.complete and not (books.pending or differences)


def main(
    minutes: Annotated[float, typer.Option(min=1, help="Minutes after the warm-up.")] = 20,
    warm_up: Annotated[
        float, typer.Option(min=0, help="Minutes of warm-up: memory took eight to level off.")
    ] = 10,
    rate: Annotated[float, typer.Option(min=1, help="Transactions a second.")] = 2_000,
    kill_every: Annotated[
        float, typer.Option(min=15, help="Seconds; five deaths a minute stop the scorer.")
    ] = 60,
) -> None:
    """Soak a scorer with two workers.

    Exits with code 1 if a transaction was lost or duplicated, a probability differs, a worker's
    memory grows, or a worker takes more than 350 MB.

    Example: python -m benchmarks.soak --minutes 2 --warm-up 1 --rate 500
    """
    seconds = (warm_up + minutes) * 60
    with open_bench(_PORT) as bench:
        prefix = f"soak-{time.time():.0f}."
        connection = bench.make_connection(prefix)
        topic_admin.create(connection)
        with (
            run_system(bench, _SYSTEM, prefix) as supervisor,
            bench.start_sender(prefix, "soak", int(rate * seconds), rate) as sender,
        ):
            samples = list(watch(bench, supervisor, seconds, kill_every))
            out, _ = sender.communicate()
            if sender.returncode:
                raise BenchError("cannot send the transactions")
            books = audit_when_settled(connection)
        path = bench.home / "soak.json"
        path.write_text(json.dumps([(sample.at, sample.pid, sample.mib) for sample in samples]))
        print(f"sent {json.loads(out)['achieved_per_second']:,.0f} a second; samples in {path}")
        differences = count_differences(connection, Model.load(bench.model, read_schema(DEFAULT)))
        passed = print_report(samples, warm_up * 60, books, differences)
        clear(connection, *(topic.name for topic in topics.TOPICS))
    sys.exit(not passed)


if __name__ == "__main__":
    typer.run(main)
