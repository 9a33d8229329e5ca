"""How much memory `fraud monitor` takes at most: `python -m benchmarks.drift.memory`.

As many labels as it holds lie within the horizon, and one window by event time after the other is closed at its largest.
"""

import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil
from confluent_kafka import Producer

from benchmarks.bench import DRAIN, Bench, BenchError, opened
from benchmarks.catalogue import SYSTEMS
from benchmarks.drain import drain
from benchmarks.drift.pace import LOOK_S, METRICS_PORT, PORT, STALLED_S, looks, told
from benchmarks.topic import clear, forget, preload
from benchmarks.usage import Tree
from drift.labels.label_store import MOST
from drift.monitor import MOST_EVENTS
from streams.kafka import topics
from streams.kafka.connection import Connection

_NAME = "monitor-memory"
_WINDOWS = 3
_FLUSH_EVERY = 10_000


@dataclass(frozen=True)
class Memory:
    """Resident MiB after each window, with so many `labels` held."""

    labels: int
    resident_mib: list[float]
    peak_mib: float
    peak_total_mib: float


def measured() -> Memory:
    """Fills `predictions` and `labels`, then lets the monitor go through all of it. Raises BenchError."""
    records = MOST_EVENTS * _WINDOWS
    with opened(PORT) as bench:
        preload(bench, records)
        if not drain(bench, SYSTEMS["ours-2"], records).complete:
            raise BenchError(f"the scorer has not come through {records:,} transactions")
        connection = bench.connection(DRAIN)
        forget(connection, topics.MONITOR_GROUP)
        clear(connection, topics.DRIFT_EVENTS, topics.LABELS)
        _label(connection, MOST)
        command = [sys.executable, "-m", "cli.main", "monitor", "--window", "10000d"]
        environment = bench.environment(DRAIN) | {"FRAUD_MONITOR_PORT": str(METRICS_PORT)}
        with bench.running(_NAME, command, environment) as process:
            tree = Tree(process)
            resident = [look.mib for look in looks(bench, process, tree, _NAME, _WINDOWS)]
            held = _held(bench, process, tree)
    return Memory(held, resident, tree.peak_mib, tree.peak_total_mib)


def _held(bench: Bench, process: psutil.Popen, tree: Tree) -> int:
    """How many labels are in memory, once it is as many as it can be: they are read beside the windows, and may be slower."""
    deadline, held = time.monotonic() + STALLED_S, 0
    while held < MOST * 7 // 8:  # the oldest eighth goes as a whole
        if time.monotonic() > deadline:
            raise BenchError(f"the monitor holds {held:,} labels, {MOST:,} are on the topic")
        bench.check(process, _NAME)
        time.sleep(LOOK_S)
        tree.look()
        held = told("fraud_labels_held")
    return held


def _label(connection: Connection, count: int) -> None:
    """Labels of payments that nobody asks about: they are held as any others."""
    producer = Producer(
        connection.writer({"linger.ms": 20, "queue.buffering.max.messages": 1_000_000})
    )
    at = datetime.now(UTC).isoformat()
    for number in range(count):
        label = {
            "transaction_id": f"memory-{number}",
            "is_fraud": False,
            "labelled_at": at,
            "source": "replay",
        }
        producer.produce(connection.named(topics.LABELS), json.dumps(label), f"memory-{number}")
        if number % _FLUSH_EVERY == 0:
            producer.flush()
    producer.flush()


def sentence(memory: Memory) -> str:
    """What was measured: the numbers on docs/drift.md."""
    first, last = memory.resident_mib[0], memory.resident_mib[-1]
    return (
        f"With {memory.labels:,} labels in memory and {len(memory.resident_mib)} windows by event time of {MOST_EVENTS:,} events each, "
        f"the monitor takes {first:,.0f} MiB after the first, {last:,.0f} after the last and {memory.peak_mib:,.0f} at most; "
        f"with the report process {memory.peak_total_mib:,.0f} (`python -m benchmarks.drift.memory`).\n"
    )


if __name__ == "__main__":
    print(sentence(measured()), end="")
