"""The topics between runs: the input that is loaded once, the groups that are forgotten, and what a run has written, counted."""

import json
import time
from dataclasses import dataclass

import msgspec
import numpy as np
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from benchmarks.bench import DRAIN, Bench, BenchError
from cli.commands.demo.measure import end_offsets, row_of
from streams.kafka import topics
from streams.kafka.cluster import Cluster, Offsets
from streams.kafka.connection import Connection
from streams.kafka.reader import read

_OUTPUTS = (topics.PREDICTIONS, topics.ALERTS, topics.DEAD_LETTERS)
_GROUP_GONE_S = 60.0
_POLL_S = 0.2


class _Identified(msgspec.Struct):
    transaction_id: str


_decode = msgspec.json.Decoder(_Identified).decode


def run_name(records: int) -> str:
    """The name of the preloaded transactions; with their number, so that another number is not taken for it."""
    return f"drain{records}"


def first_offsets(connection: Connection) -> Offsets:
    """Where the records of the input begin."""
    cluster = Cluster(connection)
    return cluster.earliest(
        topics.TRANSACTIONS, cluster.partitions(topics.TRANSACTIONS)[topics.TRANSACTIONS]
    )


def preload(bench: Bench, records: int) -> None:
    """Makes the input hold `records` transactions, and no others; what is there from the last time is kept if it is just that."""
    connection = bench.connection(DRAIN)
    end = end_offsets(Cluster(connection), topics.TRANSACTIONS)
    if sum(end.values()) - sum(first_offsets(connection).values()) == records:
        return
    clear(connection, topics.TRANSACTIONS)
    with bench.load(DRAIN, run_name(records), records) as sending:
        out, _ = sending.communicate()
    if sending.returncode:
        raise BenchError(f"{records} transactions could not be loaded")
    totals = json.loads(out)
    print(f"loaded {totals['delivered']:,} transactions, {totals['achieved_per_second']:,.0f}/s")


def clear(connection: Connection, *names: str) -> None:
    """Deletes the records of topics. Their offsets go on, so no topic is made anew."""
    cluster, admin = Cluster(connection), AdminClient(connection.config())
    ends = [
        TopicPartition(connection.named(name), partition, offset)
        for name in names
        for partition, offset in end_offsets(cluster, name).items()
        if offset
    ]
    for future in admin.delete_records(ends).values() if ends else ():
        future.result()


def reset(connection: Connection, group: str) -> None:
    """As if the group had never read: its offsets go, and so does what it wrote."""
    forget(connection, group)
    clear(connection, *_OUTPUTS)


def forget(connection: Connection, group: str) -> None:
    """Deletes a group's offsets. Waits until its last member has left."""
    admin = AdminClient(connection.config())
    deadline = time.monotonic() + _GROUP_GONE_S
    while True:
        try:
            admin.delete_consumer_groups([connection.named(group)])[
                connection.named(group)
            ].result()
        except KafkaException as error:
            code = error.args[0].code()
            if code != KafkaError.GROUP_ID_NOT_FOUND:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_S)
                continue
        break


@dataclass(frozen=True)
class Written:
    """What a run has written, counted record by record: offsets have gaps where transactions end."""

    predictions: int
    duplicated: int
    lost: int
    alerts: int
    dead_letters: int


def count(connection: Connection, begin: dict[str, Offsets], records: int) -> Written:
    """Reads back all committed records since `begin`. Every prediction is told from the others by its transaction."""
    cluster = Cluster(connection)
    seen = np.zeros(records, np.uint8)
    prefix, predictions = f"{run_name(records)}-", 0
    for batch in read(
        connection,
        topics.PREDICTIONS,
        begin[topics.PREDICTIONS],
        end_offsets(cluster, topics.PREDICTIONS),
    ):
        for message in batch:
            row = row_of(_decode(message.value() or b"").transaction_id, prefix, 0, records)
            if row is None:
                raise BenchError(f"a prediction of another run is on {message.topic()}")
            seen[row] += 1
            predictions += 1
    alerts, dead = (
        _count(connection, cluster, name, begin[name])
        for name in (topics.ALERTS, topics.DEAD_LETTERS)
    )
    return Written(
        predictions,
        predictions - int(np.count_nonzero(seen)),
        int(np.count_nonzero(seen == 0)),
        alerts,
        dead,
    )


def begin_of(connection: Connection) -> dict[str, Offsets]:
    """Where each output goes on."""
    cluster = Cluster(connection)
    return {name: end_offsets(cluster, name) for name in _OUTPUTS}


def _count(connection: Connection, cluster: Cluster, name: str, begin: Offsets) -> int:
    return sum(len(batch) for batch in read(connection, name, begin, end_offsets(cluster, name)))
