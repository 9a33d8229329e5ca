"""The reader of `history` on a real Kafka."""

import threading
from contextlib import contextmanager

import pytest
from support.data.blocks import make_block
from support.publishing import open_transactional, publish
from support.topic_changes import (
    PARTITIONS,
    delete_records,
    delete_topic,
    grow_topic,
    recreate_topic,
)
from support.waiting import wait_for

from streams.history.block import BlockError, encode
from streams.history.follower import HistoryReader
from streams.kafka import topic_admin
from streams.kafka.cluster import Cluster
from streams.kafka.errors import (
    DO_NOT_RESTART,
    LostRangeError,
    TopicMissingError,
    TopicRecreatedError,
)
from streams.kafka.topics import HISTORY

ROWS = 3


def make_value(partition, first):
    return encode(make_block(ROWS, partition=partition, first=first))


@pytest.fixture
def often(monkeypatch):
    """Look at the topics often."""
    monkeypatch.setattr("streams.kafka.topic_changes.LOOK_EVERY_S", 0.2)


class Followed:
    """What a reader received; `blocks`: (partition, the block's first source offset, offset)."""

    def __init__(self, connection):
        self.reader = HistoryReader(connection)
        self.blocks = []
        self.progress = []
        self.failures = []
        self.stopping = threading.Event()

    def receive(self, blocks):
        self.blocks += [(partition, block.first, offset) for partition, block, offset in blocks]

    def restore(self):
        self.reader.restore(
            self.receive, lambda *counted: self.progress.append(counted), self.stopping
        )

    def start(self):
        self.reader.start(self.receive, self.failures.append)

    def fail(self):
        [failure] = wait_for(lambda: self.failures, 30, "the reader stops")
        assert failure.exit_code == DO_NOT_RESTART
        return failure


@contextmanager
def reading(connection):
    followed = Followed(connection)
    try:
        yield followed
    finally:
        followed.stopping.set()
        followed.reader.close()


def write(connection, *blocks):
    """Write blocks of these partitions and first offsets, each as a record of its own."""
    for partition, first in blocks:
        publish(connection, HISTORY, [make_value(partition, first)], partition=partition)


class Writer:
    """Writes blocks in transactions."""

    def __init__(self, connection):
        self._name = connection.qualify(HISTORY)
        self._producer = open_transactional(connection)

    def begin(self, *blocks):
        self._producer.begin_transaction()
        for partition, first in blocks:
            self._producer.produce(self._name, make_value(partition, first), partition=partition)
        assert self._producer.flush(30) == 0

    def commit(self):
        self._producer.commit_transaction(30)

    def abort(self):
        self._producer.abort_transaction(30)


def test_only_committed_blocks_are_read_and_the_end_is_judged_by_open_transactions(connection):
    writer = Writer(connection)
    writer.begin((0, 100), (1, 10))
    writer.commit()
    writer.begin((0, 666), (2, 666))
    writer.abort()
    writer.begin((0, 200))
    with reading(connection) as followed:
        followed.restore()
        assert sorted(followed.blocks) == [(0, 100, 0), (1, 10, 0)]
        payments, share = followed.progress[-1]
        assert (payments, share) == (2 * ROWS, 1.0)
        at_end = followed.reader.is_at_end
        # of partition 2 and 3: markers alone, and nothing
        assert [at_end(partition) for partition in range(4)] == [False, True, True, True]
        followed.start()
        writer.commit()
        wait_for(lambda: at_end(0), 30, "the end after a commit")
        assert followed.blocks[2:] == [(0, 200, 4)]
        writer.begin((3, 666))
        assert not at_end(3)
        writer.abort()
        wait_for(lambda: at_end(3), 30, "the end after an abort")
        writer.begin((1, 20))
        writer.commit()
        wait_for(lambda: followed.blocks[3:] == [(1, 20, 2)], 30, "the next block")
        assert not followed.failures
        begins = [followed.reader.begins(partition) for partition in range(4)]
        assert begins == [(0, False)] * 4


def test_a_beginning_that_retention_deleted_is_told(connection):
    write(connection, (0, 100), (0, 200), (0, 300), (1, 10))
    delete_records(connection, HISTORY, {0: 2, 1: 1})
    with reading(connection) as followed:
        followed.restore()
        assert followed.blocks == [(0, 300, 2)]
        assert [followed.reader.begins(each) for each in range(3)] == [
            (2, True),
            (1, True),
            (0, False),
        ]
        assert all(followed.reader.is_at_end(each) for each in range(3))


def test_a_beginning_that_is_deleted_before_it_is_read_is_told(connection, monkeypatch):
    write(connection, (0, 100), (0, 200))
    delete_records(connection, HISTORY, {0: 1})
    find_earliest = Cluster.find_earliest
    answers = iter([dict.fromkeys(range(4), 0)])  # of before the deletion

    def find(self, topic, partitions):
        return next(answers, None) or find_earliest(self, topic, partitions)

    monkeypatch.setattr(Cluster, "find_earliest", find)
    with reading(connection) as followed:
        followed.restore()
        assert followed.blocks == [(0, 200, 1)]
        assert followed.reader.begins(0) == (1, True)
        assert followed.reader.is_at_end(0)


def test_blocks_that_are_deleted_before_they_are_read_stop_the_reader(connection):
    write(connection, (0, 100))
    writer = Writer(connection)
    with reading(connection) as followed:
        followed.restore()
        followed.start()
        # the client would have read ahead of committed ones
        writer.begin((0, 200), (0, 300))
        delete_records(connection, HISTORY, {0: 3})
        writer.commit()
        wait_for(lambda: followed.failures or followed.reader.is_at_end(0), 60, "an end")
        [failure] = followed.failures
        assert isinstance(failure, LostRangeError)
        assert f"{connection.qualify(HISTORY)}[0]: offsets 1 to 2 were deleted" in str(failure)


def test_new_partitions_are_read_from_their_beginning(connection, often):
    with reading(connection) as followed:
        followed.restore()
        followed.start()
        grow_topic(connection, HISTORY, 6)
        cluster = Cluster(connection)
        wait_for(lambda: len(cluster.find_end(HISTORY)) == 6, 30, "the partitions exist")
        write(connection, (5, 0), (5, 3))
        wait_for(lambda: followed.blocks == [(5, 0, 0), (5, 3, 1)], 60, "the new blocks")
        wait_for(lambda: followed.reader.is_at_end(5), 30, "the end of the new partition")
        assert followed.reader.begins(5) == (0, False)


def test_a_recreated_topic_stops_the_reader(connection, often):
    write(connection, (0, 100))
    with reading(connection) as followed:
        followed.restore()
        followed.start()
        recreate_topic(connection, HISTORY)
        failure = followed.fail()
        assert isinstance(failure, TopicRecreatedError)
        assert f'the topic "{connection.qualify(HISTORY)}" was recreated' in str(failure)


def test_without_the_topic_the_command_that_creates_it_is_named(connection):
    delete_topic(connection, HISTORY)
    try:
        with (
            reading(connection) as followed,
            pytest.raises(TopicMissingError, match=r"history; `fraud topics` creates"),
        ):
            followed.restore()
    finally:
        topic_admin.create(connection, PARTITIONS)  # the fixture deletes all topics


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"{}", "no block of history"),
        (None, "no block of history"),
        (make_value(1, 100), "a block of partition 1"),
        (make_value(0, 100)[:-1] + b"\xff", "a damaged block of history: its checksum is wrong"),
    ],
    ids=["other", "null", "misplaced", "damaged"],
)
def test_what_is_no_block_stops_the_reader_with_its_place(connection, value, said):
    write(connection, (0, 100))
    publish(connection, HISTORY, [value], partition=0)
    with reading(connection) as followed:
        with pytest.raises(BlockError) as refused:
            followed.restore()
        assert str(refused.value) == f"{connection.qualify(HISTORY)}[0] at offset 1: {said}"
        assert refused.value.exit_code == DO_NOT_RESTART


def test_an_outage_is_waited_for(own_broker, own_connection):
    write(own_connection, (0, 100))
    with reading(own_connection) as followed, reading(own_connection) as late:
        followed.restore()
        followed.start()
        own_broker.stop()
        restoring = threading.Thread(target=late.restore)
        restoring.start()
        own_broker.start(say=print)
        write(own_connection, (0, 200))
        wait_for(lambda: len(followed.blocks) == 2, 60, "the block after the outage")
        assert followed.blocks == [(0, 100, 0), (0, 200, 1)]
        assert not followed.failures
        restoring.join(60)
        assert not restoring.is_alive()
        assert late.blocks[:1] == [(0, 100, 0)]
