"""The consumer's thread, with a consumer that does what the test says, before a real commit pipeline."""

import asyncio
import threading

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from fakes import FakeRecord

from streams import source
from streams.batch import InFlight, Scored
from streams.committer import OutageError
from streams.connection import Connection
from streams.limit import DeadShareLimit
from streams.pipeline import CommitPipeline
from streams.source import Source


class Message(FakeRecord):
    def error(self):
        return None


class Consumer:
    """Each poll carries out the next step: a function of (source callbacks), which returns the offsets that arrive in that poll."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.position = 0
        self.arrived = []
        self.done = threading.Event()

    def subscribe(self, topics, on_assign, on_revoke, on_lost):
        self.assigned, self.revoked, self.lost = on_assign, on_revoke, on_lost
        on_assign(self, [TopicPartition("transactions", 0)])

    def poll(self, timeout):
        if not self.arrived:
            if not self.steps:
                self.done.set()
                return None
            self.arrived = [Message(b"", at=offset) for offset in self.steps.pop(0)(self)]
        return self.arrived.pop(0) if self.arrived else None

    def consume(self, count, timeout):
        taken, self.arrived = self.arrived[:count], self.arrived[count:]
        return taken

    def committed(self, partitions, timeout):
        return [TopicPartition(partition.topic, partition.partition, self.position) for partition in partitions]

    def assignment(self):
        return [TopicPartition("transactions", 0)]

    def get_watermark_offsets(self, partition, cached):
        return (-1001, -1001)

    def incremental_assign(self, partitions):
        self.taken_at = [partition.offset for partition in partitions]

    def incremental_unassign(self, partitions):
        pass

    def consumer_group_metadata(self):
        return None

    def close(self):
        pass


class Committer:
    def __init__(self, consumer):
        self.consumer = consumer
        self.offsets = []

    def write(self, outputs):
        pass

    def commit(self, offsets, group_metadata):
        self.offsets.append(offsets)
        self.consumer.position = offsets[0]


def run(consumer):
    """Returns (committed offsets, failures) once the consumer's steps are over."""
    committer, in_flight, failures = Committer(consumer), InFlight(), []

    async def main():
        loop = asyncio.get_running_loop()
        pipeline = CommitPipeline(committer, in_flight, lambda scored: None, failures.append, DeadShareLimit(1.0))

        def deliver(batch):
            asyncio.run_coroutine_threadsafe(pipeline.submit(Scored(batch)), loop).result(10)  # one after the other, as the agent does

        source = Source(Connection("nowhere"), consumer, in_flight, deliver, failures.append, lambda ranges: None)
        source.start()
        await asyncio.to_thread(consumer.done.wait, 10)
        source.stop()
        await asyncio.to_thread(source.join, 10)

    asyncio.run(main())
    return committer.offsets, failures


def rebalanced_amid(*offsets):
    """A poll in which the group rebalances and records arrive all the same."""

    def step(consumer):
        consumer.assigned(consumer, [TopicPartition("transactions", 1)])
        return offsets

    return step


def test_batches_follow_each_other():
    assert run(Consumer(lambda _: [0, 1], lambda _: [2], lambda _: [3])) == ([{0: 2}, {0: 3}, {0: 4}], [])


def test_a_batch_holds_4096_records_at_most():
    assert run(Consumer(lambda _: range(10_000))) == ([{0: 4_096}, {0: 8_192}, {0: 10_000}], [])


def test_what_arrives_with_a_rebalance_is_read_again_from_the_committed_offset():
    consumer = Consumer(lambda _: [0], rebalanced_amid(1, 2), lambda consumer: [consumer.taken_at[0]])
    assert run(consumer) == ([{0: 1}, {0: 2}], [])


def test_a_batch_of_lost_partitions_belongs_to_an_epoch_that_is_over():
    handed, epochs, in_flight = [], [], InFlight()

    def losing(consumer):
        consumer.lost(consumer, [TopicPartition("transactions", 0)])
        epochs.append((handed[0].epoch, in_flight.epoch))
        in_flight.remove()
        return []

    consumer = Consumer(lambda _: range(2_000), losing)
    reader = Source(Connection("nowhere"), consumer, in_flight, handed.append, pytest.fail, lambda ranges: None)
    reader.start()
    assert consumer.done.wait(10)
    reader.stop()
    reader.join(10)
    assert epochs == [(0, 1)]


@pytest.mark.parametrize(
    ("code", "raised"), [(KafkaError._TRANSPORT, OutageError), (KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaException)]
)
def test_a_cluster_that_does_not_say_where_to_begin_is_away(code, raised, monkeypatch):
    class Silent(Consumer):
        def committed(self, partitions, timeout):
            raise KafkaException(KafkaError(code))

    monkeypatch.setattr(source, "_LOOKUP_S", 0.1)
    failures = []
    reader = Source(Connection(""), Silent(), InFlight(), None, failures.append, None)
    reader.start()
    reader.join(10)
    assert [type(failure) for failure in failures] == [raised]
