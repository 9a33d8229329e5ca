"""Measure the maximum memory of `fraud monitor`.

Run: python -m benchmarks.drift.memory

The label horizon holds as many labels as the monitor keeps, and windows by event time are closed
at their maximum size.
"""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil
from confluent_kafka import Producer

from benchmarks.catalogue import SYSTEMS
from benchmarks.drift.pace import POLL_S, PORT, STALLED_S, read_counter, run_monitor, watch_windows
from benchmarks.harness.bench import DRAIN, Bench, BenchError, open_bench
from benchmarks.harness.topic import clear, forget, preload
from benchmarks.harness.usage import ProcessTree
from benchmarks.measurements.drain import drain
from drift.labels.label_store import MAX_LABELS
from drift.monitor import MAX_EVENTS
from streams.kafka import topics
from streams.kafka.connection import Connection

_NAME = "monitor-memory"
_WINDOWS = 3
_FLUSH_EVERY = 10_000


@dataclass(frozen=True)
class Memory:
    """Resident MiB after each window, with `labels` held."""

    labels: int
    resident_mib: list[float]
    peak_mib: float
    peak_total_mib: float


def measure_memory() -> Memory:
    """Fill `predictions` and `labels`, then run the monitor over all of it. Raises BenchError."""
    records = MAX_EVENTS * _WINDOWS
    with open_bench(PORT) as bench:
        preload(bench, records)
        if not drain(bench, SYSTEMS["ours-2"], records).complete:
            raise BenchError(f"the scorer did not finish {records:,} transactions")
        connection = bench.make_connection(DRAIN)
        forget(connection, topics.MONITOR_GROUP)
        clear(connection, topics.DRIFT_EVENTS, topics.LABELS)
        _send_labels(connection, MAX_LABELS)
        with run_monitor(bench, _NAME, "--window", "10000d") as process:
            tree = ProcessTree(process)
            looks = watch_windows(bench, process, tree, _NAME, _WINDOWS)
            resident = [look.mib for look in looks]
            held = _wait_for_labels(bench, process, tree)
    return Memory(held, resident, tree.peak_mib, tree.peak_total_mib)


def _wait_for_labels(bench: Bench, process: psutil.Popen, tree: ProcessTree) -> int:
    """Wait until the monitor holds as many labels as it can, and return their number.

    The monitor reads labels alongside the windows, and may take longer.
    """
    deadline = time.monotonic() + STALLED_S
    held = 0
    while held < MAX_LABELS * 7 // 8:  # the monitor drops the oldest eighth at once
        if time.monotonic() > deadline:
            raise BenchError(f"the monitor holds {held:,} labels, but the topic has {MAX_LABELS:,}")
        bench.check_running(process, _NAME)
        time.sleep(POLL_S)
        tree.sample()
        held = read_counter("fraud_labels_held")
    return held


def _send_labels(connection: Connection, count: int) -> None:
    """Send labels of unknown payments: the monitor holds them like any other."""
    settings = {"linger.ms": 20, "queue.buffering.max.messages": 1_000_000}
    producer = Producer(connection.make_writer_config(settings))
    topic = connection.qualify(topics.LABELS)
    now = datetime.now(UTC).isoformat()
    for number in range(count):
        key = f"memory-{number}"
        label = {
            "transaction_id": key,
            "entities": {},
            "event_time": now,
            "is_fraud": False,
            "labelled_at": now,
            "source": "replay",
        }
        producer.produce(topic, json.dumps(label), key)
        if number % _FLUSH_EVERY == 0:
            producer.flush()
    producer.flush()


def format_memory(memory: Memory) -> str:
    """Describe the result: the figures of docs/drift.md."""
    first = memory.resident_mib[0]
    last = memory.resident_mib[-1]
    return (
        f"With {memory.labels:,} labels in memory and {len(memory.resident_mib)} windows by event "
        f"time of {MAX_EVENTS:,} events each, the monitor takes {first:,.0f} MiB after the first, "
        f"{last:,.0f} after the last and {memory.peak_mib:,.0f} at most; with the report process "
        f"{memory.peak_total_mib:,.0f} (`python -m benchmarks.drift.memory`).\n"
    )


if __name__ == "__main__":
    print(format_memory(measure_memory()), end="")
