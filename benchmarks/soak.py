"""`python -m benchmarks.soak`: two workers at a steady rate, one of them killed again and again: memory, the ledger, the probabilities.

The elder worker lives through it all; the younger one is killed with SIGKILL every `--kill-every` seconds. Slopes are of the elder one,
once it has reached its level.
At the end every transaction is scored once more, undisturbed, and compared with its prediction.
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

from benchmarks.bench import Bench, BenchError, opened
from benchmarks.catalogue import SYSTEMS
from benchmarks.systems import running
from benchmarks.topic import clear
from drift import predictions
from model.artefact import Model, probabilities
from payments import features
from streams.kafka import topics
from streams.kafka.cluster import Cluster
from streams.kafka.connection import Connection
from streams.kafka.reader import read
from streams.ledger.audit import audit
from streams.ledger.reconcile import Audit

_PORT = 29192  # not those of other benchmarks
_SYSTEM = replace(SYSTEMS["ours-2"], variables={"FRAUD_METRICS_PORT": "39201"})
_SAMPLE_S = 5.0
_MIB = 2**20
_STEPS = 20  # of twenty minutes: one a minute, and a death in each
_WITHIN = 2.1  # standard errors: 95 % of Student's t with _STEPS - 1 degrees of freedom
_MOST_MIB = 350e6 / _MIB  # of a worker, as promised
_PENDING_S = 60.0


@dataclass(frozen=True)
class Sample:
    """Resident memory of a worker, in MiB, `at` seconds after the start."""

    at: float
    pid: int
    mib: float


def slope(samples: list[Sample]) -> tuple[float, float]:
    """(MiB an hour, its standard error), the mean of `_STEPS` steps in time.

    Memory is the sum of what was taken and given back, so its steps are nearly independent and its levels are not: least squares through
    the levels, which stand still between two steps, would be surer of any single step than one step allows.
    """
    chosen = [samples[i] for i in np.linspace(0, len(samples) - 1, _STEPS + 1).round().astype(int)]
    hours, mib = np.array([(sample.at / 3600, sample.mib) for sample in chosen]).T
    steps = np.diff(mib) / np.diff(hours)
    return float(steps.mean()), float(steps.std(ddof=1) / math.sqrt(len(steps)))


def workers(supervisor: psutil.Popen) -> list[psutil.Process]:
    """The worker processes, the eldest first."""
    found = [child for child in supervisor.children() if "spawn_main" in " ".join(child.cmdline())]
    return sorted(found, key=lambda child: float(child.create_time()))


def watched(
    bench: Bench, supervisor: psutil.Popen, until: float, kill_every: float
) -> Iterator[Sample]:
    """Samples every worker each `_SAMPLE_S` seconds, for `until` seconds; kills the younger one when it is due."""
    began = time.monotonic()
    due = kill_every
    while (passed := time.monotonic() - began) < until:
        bench.check(supervisor, _SYSTEM.name)
        try:
            alive = workers(supervisor)
            yield from [
                Sample(passed, worker.pid, worker.memory_info().rss / _MIB) for worker in alive
            ]
            if passed >= due and len(alive) == 2:
                alive[-1].send_signal(signal.SIGKILL)
                due += kill_every
                print(f"{passed:6.0f} s: worker {alive[-1].pid} killed", flush=True)
        except psutil.Error:  # one has just ended
            continue
        time.sleep(_SAMPLE_S)


def settled(connection: Connection) -> Audit:
    """The books once nothing is pending any more, or after `_PENDING_S`."""
    deadline = time.monotonic() + _PENDING_S
    while (books := audit(connection)).pending and time.monotonic() < deadline:
        time.sleep(1)
    return books


def differing(connection: Connection, model: Model) -> int:
    """How many predictions hold another probability, by a single bit, than their transaction gets once more from the model."""
    cluster = Cluster(connection)
    partitions = cluster.partitions(topics.PREDICTIONS)[topics.PREDICTIONS]
    begin, end = (ends(topics.PREDICTIONS, partitions) for ends in (cluster.earliest, cluster.end))
    others = 0
    for batch in read(connection, topics.PREDICTIONS, begin, end):
        if not batch:
            continue
        found = predictions.rows(batch)
        again = probabilities(model.margins(features.matrix(predictions.inputs(found))))
        others += int(np.count_nonzero(again != predictions.probabilities(found)))
    return others


def report(samples: list[Sample], warm_up: float, books: Audit, others: int) -> bool:
    """Prints what was found; whether all of it is as promised. Slopes are of the time after `warm_up` seconds."""
    lives = list(dict.fromkeys(sample.pid for sample in samples))
    elder = [sample for sample in samples if sample.pid == lives[0]]
    steady = [sample for sample in elder if sample.at >= warm_up]
    steepness, error = slope(steady)
    print(
        f"worker 0: {steady[0].mib:.1f} MiB at {steady[0].at:.0f} s, {steady[-1].mib:.1f} MiB at {steady[-1].at:.0f} s"
    )
    level = abs(steepness) <= _WITHIN * error
    print(
        f"slope: {steepness:+.1f} MiB an hour, standard error {error:.1f}: {'0 within its error' if level else 'NOT 0'}"
    )
    largest = max(sample.mib for sample in samples)
    print(f"largest of {len(lives)} lives: {largest:.1f} MiB of {math.floor(_MOST_MIB)}")
    print(
        f"ledger: sent {books.sent:,}, scored {books.scored:,}, lost {books.lost}, duplicated {books.duplicated}, phantom {books.phantom}, "
        f"pending {books.pending}"
    )
    print(f"scored once more, undisturbed: {others} of the probabilities differ")
    return level and largest <= _MOST_MIB and books.complete and not (books.pending or others)


def main(
    minutes: Annotated[float, typer.Option(min=1, help="How long, after the warm-up.")] = 20,
    warm_up: Annotated[
        float,
        typer.Option(
            min=0, help="Minutes, the same before it: memory took eight to reach its level."
        ),
    ] = 10,
    rate: Annotated[float, typer.Option(min=1, help="Transactions a second.")] = 2_000,
    kill_every: Annotated[
        float, typer.Option(min=15, help="Seconds; five deaths a minute end the scorer.")
    ] = 60,
) -> None:
    """Soaks a scorer of two workers.

    Exit code 1 when a transaction was lost or duplicated, a probability differs, a worker's memory grows, or it is more than 350 MB.

    Example: python -m benchmarks.soak --minutes 2 --warm-up 1 --rate 500
    """
    seconds = (warm_up + minutes) * 60
    with opened(_PORT) as bench:
        prefix = f"soak-{time.time():.0f}."
        connection = bench.connection(prefix)
        topics.create(connection)
        with (
            running(bench, _SYSTEM, prefix) as supervisor,
            bench.load(prefix, "soak", int(rate * seconds), rate) as sending,
        ):
            samples = list(watched(bench, supervisor, seconds, kill_every))
            out, _ = sending.communicate()
            if sending.returncode:
                raise BenchError("the transactions could not be sent")
            books = settled(connection)
        (bench.home / "soak.json").write_text(
            json.dumps([(sample.at, sample.pid, sample.mib) for sample in samples])
        )
        print(
            f"sent at {json.loads(out)['achieved_per_second']:,.0f} a second; samples in {bench.home / 'soak.json'}"
        )
        others = differing(connection, Model.load(bench.model))
        whole = report(samples, warm_up * 60, books, others)
        clear(connection, *(topic.name for topic in topics.TOPICS))
    sys.exit(not whole)


if __name__ == "__main__":
    typer.run(main)
