"""Partitions that `transactions` gets while scorers run."""

import threading

import pytest
from support import publishing
from support.scorer_process import run_scorer
from support.topic_changes import grow_topic
from support.topic_reader import read_all
from support.waiting import wait_for

from streams.kafka import topics
from streams.kafka.cluster import Cluster
from streams.kafka.group_consumer import GROUP_SETTINGS, GroupConsumer
from streams.kafka.messages import read_source
from streams.kafka.unowned_partitions import UnownedPartitions

NEW = 5


def send(connection):
    cluster = Cluster(connection)
    name = topics.TRANSACTIONS
    wait_for(lambda: NEW in cluster.list_partitions(name)[name], 30, "it is there")
    publishing.send(connection, [1], partition=NEW)


def test_the_scorer_reads_new_partitions(connection, model):
    with run_scorer(connection) as system:
        assert system.page(0, "/ready") == "ready\n"
        grow_topic(connection, topics.TRANSACTIONS, NEW + 1)
        send(connection)
        [prediction] = read_all(connection, topics.PREDICTIONS, 1)
        assert read_source(prediction)[0] == NEW
        wait_for(
            lambda: f'partition="{NEW}"' in system.page(0, "/metrics"), 30, "the partition's lag"
        )


def test_partitions_that_nobody_reads_are_found(connection, monkeypatch):
    monkeypatch.setattr("streams.kafka.unowned_partitions._LOOK_EVERY_S", 0.1)
    slow = GROUP_SETTINGS | {"topic.metadata.refresh.interval.ms": 300_000}
    member = GroupConsumer(connection, topics.SCORER_GROUP, topics.TRANSACTIONS, slow, pytest.fail)
    stop = threading.Event()
    unowned = UnownedPartitions(Cluster(connection), topics.SCORER_GROUP, topics.TRANSACTIONS, stop)
    member.subscribe(lambda _: None, lambda _: None, lambda _: None)
    try:
        wait_for(lambda: member.poll(1) and member.ready, 30, "the member has its partitions")
        unowned.start()
        grow_topic(connection, topics.TRANSACTIONS, NEW + 1)
        send(connection)
        wait_for(
            lambda: member.poll(1) and unowned.ranges.get(NEW) == (0, 1), 60, "the new partition"
        )
        assert unowned.ranges.keys() == {NEW - 1, NEW}
    finally:
        stop.set()
        unowned.join(30)
        member.client.close()
