"""Whose offsets the scorer reads on from, and what it commits with them."""

import threading

import pytest
from confluent_kafka import TopicPartition

from streams.kafka.connection import Connection
from streams.kafka.errors import TopicMissingError, TopicRecreatedError
from streams.kafka.topic_ids import TopicEpoch
from streams.kafka.topics import DEAD_LETTERS, PREDICTIONS, TRANSACTIONS
from streams.scorer import topic_watch
from streams.scorer.topic_watch import SCORER_TOPICS, TopicWatch


class Cluster:
    """Answers with its attributes. `later` replaces the ids, one lookup after the other."""

    def __init__(self):
        self.ids = {name: f"id of {name}" for name in SCORER_TOPICS}
        self.later = []
        self.ends = {PREDICTIONS: {0: 0, 1: 0}, DEAD_LETTERS: {0: 0, 1: 0}}
        self.committed = {}

    def find_ids(self, *names):
        if self.later:
            self.ids = self.later.pop(0)
        return self.ids

    def find_high_watermarks(self, name):
        return self.ends[name]

    def list_partitions(self, name):
        return {name: [0, 1]}

    def find_committed(self, group, name, partitions):
        return self.committed


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def watch(cluster):
    watch = TopicWatch(Connection("broker:9092"), cluster, threading.Event(), pytest.fail)
    watch.open()
    return watch


def committed(partition, offset=-1001, metadata=""):
    return TopicPartition(TRANSACTIONS, partition, offset, metadata)


def test_offsets_of_another_topic_are_refused_with_the_command_that_accepts_the_new_one(watch):
    old = TopicEpoch("old").encode()
    with pytest.raises(TopicRecreatedError) as refused:
        watch.check_committed([committed(0, 5, watch_epoch()), committed(1, 5, old)])
    assert 'the topic "transactions" was recreated (old id old, new id id of' in str(refused.value)
    assert (
        "`fraud kafka tool kafka-consumer-groups.sh --bootstrap-server "
        "broker:9092 --group fraud-scorer "
        "--topic transactions --reset-offsets --to-earliest --execute`" in str(refused.value)
    )


def watch_epoch(**fields):
    return TopicEpoch(f"id of {TRANSACTIONS}", **fields).encode()


@pytest.mark.parametrize("metadata", ["", "theirs", "{}", '{"topic_id":1}', watch_epoch()])
def test_offsets_of_the_same_topic_and_those_without_an_id_are_accepted(watch, metadata):
    watch.check_committed([committed(0, 5, metadata)])


def test_a_group_without_offsets_starts_unless_it_has_written_outputs(watch, cluster):
    watch.check_committed([committed(0), committed(1)])
    cluster.ends[DEAD_LETTERS][1] = 3
    with pytest.raises(TopicRecreatedError, match="or the offsets of group fraud-scorer expired"):
        watch.check_committed([committed(0)])
    cluster.committed = {1: 7}  # of another member: partition 0 is new
    watch.check_committed([committed(0)])


def test_an_epoch_begins_where_the_group_starts_and_stays_the_same(watch, cluster):
    watch.begin([committed(0, 0)])
    assert watch.metadata == {0: watch_epoch()}
    cluster.ends[PREDICTIONS] = {1: 9, 0: 4}
    theirs = watch_epoch(first=2)
    watch.begin([committed(0, 6), committed(1, 8), committed(2, 5, theirs)])
    outputs = {PREDICTIONS: [4, 9]}
    assert watch.metadata == {
        0: watch_epoch(),
        1: watch_epoch(first=8, outputs=outputs),
        2: theirs,
    }


def run(watch, monkeypatch):
    failures = []
    monkeypatch.setattr(topic_watch, "_CHECK_EVERY_S", 0.0)
    watch._on_failure = failures.append
    watch.start()
    watch.join(10)
    assert not watch.is_alive()
    return failures


def test_a_recreated_output_topic_is_noticed_even_if_it_was_missing_for_a_while(
    watch, cluster, monkeypatch
):
    absent = {name: topic_id for name, topic_id in cluster.ids.items() if name != PREDICTIONS}
    cluster.later = [cluster.ids, absent, absent, absent, cluster.ids | {PREDICTIONS: "new"}]
    [failure] = run(watch, monkeypatch)
    assert isinstance(failure, TopicRecreatedError)
    assert '"predictions" was recreated (old id id of predictions, new id new)' in str(failure)
    assert "`fraud ledger` reports it as lost" in str(failure)


def test_a_deleted_topic_is_noticed(watch, cluster, monkeypatch):
    monkeypatch.setattr(topic_watch, "_MISSING_S", 0.1)
    cluster.later = [{}]
    [failure] = run(watch, monkeypatch)
    assert isinstance(failure, TopicMissingError)
