"""Measure how long a worker takes to rebuild the history of `cards` from its topic."""

import multiprocessing
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import psutil
from confluent_kafka import Producer

from benchmarks.harness.results import Results
from benchmarks.harness.topic import clear
from benchmarks.measurements.state import draw_payments
from payments.schema.reading import read_schema
from payments.state.columns import Columns
from payments.state.engine import Engine
from streams.history.block import Block, encode
from streams.history.follower import HistoryReader
from streams.kafka import topic_admin, topics
from streams.kafka.connection import Connection

_DAYS = 30
_BATCH = 4096
_KEY = np.uint64(0x9E3779B97F4A7C15)  # odd: different numbers have different hashes
_MIB = 2**20


@dataclass(frozen=True)
class RestoreCost:
    """The time from an empty worker to the whole history, and the memory that the state adds."""

    accounts: int
    payments: int
    topic_mib: float
    seconds: float
    cpu_seconds: float
    state_mib: float
    peak_mib: float


def measure_restore(results: Results, servers: str, accounts: int, payments: int) -> None:
    """Write that history to a real broker, restore it in a process of its own, print and save."""
    connection = Connection(servers, f"restore{secrets.token_hex(4)}.")
    topic_admin.create(connection)
    try:
        size = _write(connection, accounts, payments)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            measured = pool.apply(_restore, (connection,))
    finally:
        clear(connection, topics.HISTORY)
    cost = RestoreCost(accounts, payments, size / _MIB, *measured)
    print(
        f"cards, {accounts:,} accounts, {payments:,} payments in {_DAYS} days "
        f"({cost.topic_mib:,.0f} MiB of blocks): restored in {cost.seconds:.1f} s with "
        f"{cost.cpu_seconds:.1f} s of CPU; the state takes {cost.state_mib:,.0f} MiB, the process "
        f"at most {cost.peak_mib:,.0f} MiB more than without it",
        flush=True,
    )
    results.write("restore", asdict(cost))


def _write(connection: Connection, accounts: int, payments: int) -> int:
    """Write the blocks of all batches; return their bytes."""
    producer = Producer(connection.make_writer_config({"queue.buffering.max.kbytes": 262_144}))
    name = connection.qualify(topics.HISTORY)
    size = 0
    for block in _make_blocks(accounts, payments):
        value = encode(block)
        size += len(value)
        while True:
            try:
                producer.produce(name, value, partition=block.partition)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    producer.flush()
    return size


def _make_blocks(accounts: int, payments: int) -> Iterator[Block]:
    ends = dict.fromkeys(range(topics.PARTITIONS), 0)
    for who, merchants, terminals, times, amounts in draw_payments(
        payments, accounts, _DAYS, _BATCH
    ):
        fields = {"account_id": who, "merchant_id": merchants, "terminal_id": terminals}
        hashes = {name: (ids + 1).astype(np.uint64) * _KEY for name, ids in fields.items()}
        before = dict(ends)
        partitions = who % topics.PARTITIONS
        rows = {partition: np.flatnonzero(partitions == partition) for partition in ends}
        ends = {partition: end + len(rows[partition]) for partition, end in before.items()}
        for partition, mine in rows.items():
            yield Block(
                partition=partition,
                first=before[partition],
                end=ends[partition],
                schema=read_schema("cards").reference,
                applied=before,
                labels={},
                batch=ends,
                decimals=2,
                written=1,
                previous=0,
                offsets=np.arange(before[partition], ends[partition]),
                times=times[mine],
                amounts=amounts[mine],
                hashes={name: hashed[mine] for name, hashed in hashes.items()},
            )


def _restore(connection: Connection) -> tuple[float, float, float, float]:
    """Return wall and CPU seconds, the state's MiB and the process's peak, in MiB."""
    engine = Engine(read_schema("cards"))
    one = np.ones(1, np.int64)
    engine.fold(Columns(one, one, {name: one.view(np.uint64) for name in engine.fields}))
    engine.rollback()  # the compiled loops are loaded
    process = psutil.Process()
    before = process.memory_info().rss
    most = before

    def fold(read: list[tuple[int, Block, int]]) -> None:
        nonlocal most
        blocks = [block for _, block, _ in read]
        engine.fold(
            Columns(
                np.concatenate([block.times for block in blocks]),
                np.concatenate([block.amounts for block in blocks]),
                {
                    name: np.concatenate([block.hashes[name] for block in blocks])
                    for name in engine.fields
                },
            )
        )
        engine.commit()
        most = max(most, process.memory_info().rss)

    began = time.perf_counter()
    cpu = time.process_time()
    reader = HistoryReader(connection)
    reader.restore(fold, lambda *_: None, threading.Event())
    seconds = time.perf_counter() - began
    cpu = time.process_time() - cpu
    reader.close()
    state = sum(engine.memory_bytes.values())
    return seconds, cpu, state / _MIB, (most - before) / _MIB
