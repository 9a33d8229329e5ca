"""Topics between runs: preload the input, forget groups, and count what a run has written."""

import json
import time
from dataclasses import dataclass

import msgspec
import numpy as np
from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from benchmarks.harness.bench import DRAIN, Bench, BenchError
from cli.commands.demo.measure import find_row
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
    """Return the name of the preloaded transactions, which contains their number."""
    return f"drain{records}"


def find_first_offsets(connection: Connection) -> Offsets:
    """Return the offsets at which the input begins."""
    return Cluster(connection).find_earliest(topics.TRANSACTIONS)


def find_output_ends(connection: Connection) -> dict[str, Offsets]:
    """Return the end offsets of each output topic."""
    cluster = Cluster(connection)
    return {name: cluster.find_end(name) for name in _OUTPUTS}


def preload(bench: Bench, records: int) -> None:
    """Make the input hold exactly `records` transactions, reusing an input of that size."""
    connection = bench.make_connection(DRAIN)
    end = Cluster(connection).find_end(topics.TRANSACTIONS)
    if sum(end.values()) - sum(find_first_offsets(connection).values()) == records:
        return
    load(bench, records)


def load(bench: Bench, records: int, size: int = 0) -> None:
    """Replace the input with `records` transactions of at least `size` bytes."""
    clear(bench.make_connection(DRAIN), topics.TRANSACTIONS)
    with bench.start_sender(DRAIN, run_name(records), records, size=size) as sender:
        out, _ = sender.communicate()
    if sender.returncode:
        raise BenchError(f"cannot load {records} transactions")
    totals = json.loads(out)
    print(f"loaded {totals['delivered']:,} transactions, {totals['achieved_per_second']:,.0f}/s")


def clear(connection: Connection, *names: str) -> None:
    """Delete all records of these topics. Offsets continue, so no topic is recreated."""
    cluster = Cluster(connection)
    admin = AdminClient(connection.make_client_config())
    ends = [
        TopicPartition(connection.qualify(name), partition, offset)
        for name in names
        for partition, offset in cluster.find_end(name).items()
        if offset
    ]
    for future in admin.delete_records(ends).values() if ends else ():
        future.result()


def reset(connection: Connection, group: str) -> None:
    """Delete everything in the output topics, and let the group begin at the first record.

    This project's scorer stops if its group has no offsets but has written outputs.
    """
    forget(connection, group)
    clear(connection, *_OUTPUTS)
    name = connection.qualify(group)
    first = [
        TopicPartition(connection.qualify(topics.TRANSACTIONS), partition, offset)
        for partition, offset in find_first_offsets(connection).items()
    ]
    admin = AdminClient(connection.make_client_config())
    request = ConsumerGroupTopicPartitions(name, first)
    admin.alter_consumer_group_offsets([request])[name].result()


def forget(connection: Connection, group: str) -> None:
    """Delete a group's offsets, waiting until its last member has left."""
    admin = AdminClient(connection.make_client_config())
    deadline = time.monotonic() + _GROUP_GONE_S
    name = connection.qualify(group)
    while True:
        try:
            admin.delete_consumer_groups([name])[name].result()
        except KafkaException as error:
            code = error.args[0].code()
            if code != KafkaError.GROUP_ID_NOT_FOUND:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_S)
                continue
        break


@dataclass(frozen=True)
class OutputCounts:
    """The output of a run, counted by record: offsets have gaps where transactions end."""

    predictions: int
    duplicated: int
    lost: int | None
    alerts: int
    dead_letters: int


def count_outputs(connection: Connection, begin: dict[str, Offsets], records: int) -> OutputCounts:
    """Read all committed records since `begin`, and match predictions with transactions by id."""
    cluster = Cluster(connection)
    seen = np.zeros(records, np.uint8)
    prefix = f"{run_name(records)}-"
    predictions = 0
    end = cluster.find_end(topics.PREDICTIONS)
    for batch in read(connection, topics.PREDICTIONS, begin[topics.PREDICTIONS], end):
        for message in batch:
            row = find_row(_decode(message.value() or b"").transaction_id, prefix, 0, records)
            if row is None:
                raise BenchError(f"found a prediction of another run on {message.topic()}")
            seen[row] += 1
            predictions += 1
    alerts, dead_letters = (
        _count(connection, cluster, name, begin[name])
        for name in (topics.ALERTS, topics.DEAD_LETTERS)
    )
    return OutputCounts(
        predictions=predictions,
        duplicated=predictions - int(np.count_nonzero(seen)),
        lost=int(np.count_nonzero(seen == 0)),
        alerts=alerts,
        dead_letters=dead_letters,
    )


def _count(connection: Connection, cluster: Cluster, name: str, begin: Offsets) -> int:
    return sum(len(batch) for batch in read(connection, name, begin, cluster.find_end(name)))
