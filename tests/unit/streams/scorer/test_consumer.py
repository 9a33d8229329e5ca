"""The consumer's thread with a scripted client and a real commit pipeline."""

import asyncio
import threading

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from support.fakes import FakeRecord, positions_of

from streams.kafka.errors import OutageError
from streams.scorer import consumer as scorer_consumer
from streams.scorer import group_positions
from streams.scorer.batch import InFlight, ScoredBatch
from streams.scorer.consumer import BatchConsumer
from streams.scorer.dead_letter_limit import DeadLetterLimit
from streams.scorer.pipeline import CommitPipeline


class Message(FakeRecord):
    code = None

    def error(self):
        return None if self.code is None else KafkaError(self.code)


class OutOfRange(Message):
    code = KafkaError._AUTO_OFFSET_RESET


class Consumer:
    """Runs the next step at each poll: a function of this client that returns the new offsets."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.next_offset = 0
        self.passed = -1001  # position(): beyond the last record polled, and the markers after it
        self.high = -1001  # as librdkafka last heard
        self.log = (0, 0)  # its low and high watermark
        self.arrived = []
        self.commits = []
        self.done = threading.Event()

    def subscribe(self, topics, on_assign, on_revoke, on_lost):
        self.assigned, self.revoked, self.lost = on_assign, on_revoke, on_lost
        on_assign(self, [TopicPartition("transactions", 0)])

    def poll(self, timeout):
        if not self.arrived:
            if not self.steps:
                self.done.set()
                return None
            self.arrived = [
                one if isinstance(one, Message) else Message(b"", offset=one)
                for one in self.steps.pop(0)(self)
            ]
        return self.arrived.pop(0) if self.arrived else None

    def consume(self, count, timeout):
        taken, self.arrived = self.arrived[:count], self.arrived[count:]
        return taken

    def committed(self, partitions, timeout):
        return [
            TopicPartition(partition.topic, partition.partition, self.next_offset)
            for partition in partitions
        ]

    def commit(self, offsets, asynchronous):
        self.commits.append(offsets)

    def assignment(self):
        return [TopicPartition("transactions", 0)]

    def get_watermark_offsets(self, partition, timeout=None, cached=False):
        return (0, self.high) if cached else self.log

    def position(self, partitions):
        return [
            TopicPartition(partition.topic, partition.partition, self.passed)
            for partition in partitions
        ]

    def incremental_assign(self, partitions):
        self.taken_at = [partition.offset for partition in partitions]
        self.passed = -1001

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
        self.consumer.next_offset = offsets[0]


def run(consumer):
    """Run all steps; return (committed offsets, failures)."""
    committer, in_flight, failures = Committer(consumer), InFlight(), []

    def fail(error):
        failures.append(error)
        consumer.done.set()

    async def main():
        loop = asyncio.get_running_loop()
        pipeline = CommitPipeline(
            committer, in_flight, lambda scored: None, failures.append, DeadLetterLimit(1.0), {}
        )

        def deliver(batch):
            asyncio.run_coroutine_threadsafe(pipeline.submit(ScoredBatch(batch)), loop).result(
                10
            )  # one after the other, as the agent does

        reader = BatchConsumer(
            positions_of(consumer), in_flight, deliver, fail, lambda ranges: None
        )
        reader.start()
        await asyncio.to_thread(consumer.done.wait, 10)
        reader.stop()
        await asyncio.to_thread(reader.join, 10)

    asyncio.run(main())
    return committer.offsets, failures


def read_until_done(consumer, in_flight, deliver, on_lag=lambda ranges: None, **options):
    """Run a reader until the client's steps are over."""
    reader = BatchConsumer(
        positions_of(consumer), in_flight, deliver, pytest.fail, on_lag, **options
    )
    reader.start()
    assert consumer.done.wait(10)
    reader.stop()
    reader.join(10)


def rebalanced_amid(*offsets):
    """Return a poll during which the group rebalances, although records arrive."""

    def step(consumer):
        consumer.assigned(consumer, [TopicPartition("transactions", 1)])
        return offsets

    return step


def test_batches_follow_each_other():
    assert run(Consumer(lambda _: [0, 1], lambda _: [2], lambda _: [3])) == (
        [{0: 2}, {0: 3}, {0: 4}],
        [],
    )


def test_a_batch_has_at_most_4096_records():
    assert run(Consumer(lambda _: range(10_000))) == ([{0: 4_096}, {0: 8_192}, {0: 10_000}], [])


def test_records_that_arrive_during_a_rebalance_are_read_again_from_the_committed_offset():
    consumer = Consumer(
        lambda _: [0], rebalanced_amid(1, 2), lambda consumer: [consumer.taken_at[0]]
    )
    assert run(consumer) == ([{0: 1}, {0: 2}], [])


class Late(InFlight):
    """Acknowledges batches only when a caller waits for them."""

    def __init__(self):
        super().__init__()
        self.handed, self.epochs, self.done = [], [], {}

    def wait_until_empty(self, timeout):
        while not super().wait_until_empty(0):
            batch = self.handed.pop(0)
            self.epochs.append((batch.epoch, self.epoch))
            self.done |= ScoredBatch(batch).find_next_offsets()
            self.remove()
        return True

    def take_offsets_to_commit(self):
        taken, self.done = self.done, {}
        return taken


def lost(consumer):
    """A poll that reports the partition as lost to another member."""
    consumer.lost(consumer, [TopicPartition("transactions", 0)])
    return []


def test_nothing_of_lost_partitions_is_ever_committed():
    in_flight, consumer = Late(), Consumer(lambda _: range(2_000), lost)
    read_until_done(
        consumer,
        in_flight,
        in_flight.handed.append,
        take_offsets_to_commit=in_flight.take_offsets_to_commit,
    )
    assert in_flight.epochs == [(0, 1)]  # which an exactly-once batch is dropped for
    assert consumer.commits == []


@pytest.fixture
def reported_lag(monkeypatch):
    """Return a function of `end` that returns the lag reported before and after it.

    Records and a transaction marker arrive, then `end` ends their batch.
    """
    monkeypatch.setattr(scorer_consumer, "_LAG_EVERY_S", 0.0)

    def run(end):
        in_flight, ranges, before = InFlight(), [], []

        def arrive(consumer):
            consumer.passed = consumer.high = 3
            # so many that the next poll does not wait for them
            return [0] * scorer_consumer._MIN_OVERLAPPED_BATCH + [1]

        def ending(_):
            before.extend(ranges)
            end(in_flight)
            return []

        consumer = Consumer(arrive, lambda _: [], lambda _: [], ending, lambda _: [])
        read_until_done(consumer, in_flight, lambda batch: None, on_lag=ranges.append)
        return before, ranges[len(before) :]

    return run


def test_a_marker_at_the_end_is_skipped_once_the_batch_before_it_is_committed(reported_lag):
    before, after = reported_lag(InFlight.remove)
    assert before == [{0: (0, 3)}] * 3
    assert after[-1] == {0: (3, 3)}


def test_an_aborted_batch_is_not_skipped(reported_lag):
    def abort(in_flight):
        in_flight.end_epoch()
        in_flight.remove()

    before, after = reported_lag(abort)
    assert {0: (3, 3)} not in before + after


@pytest.mark.parametrize(
    ("code", "raised"),
    [(KafkaError._TRANSPORT, OutageError), (KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaException)],
)
def test_a_cluster_without_start_offsets_is_unavailable(code, raised, monkeypatch):
    class Silent(Consumer):
        def committed(self, partitions, timeout):
            raise KafkaException(KafkaError(code))

    monkeypatch.setattr(group_positions, "_LOOKUP_S", 0.1)
    failures = []
    reader = BatchConsumer(positions_of(Silent()), InFlight(), None, failures.append, None)
    reader.start()
    reader.join(10)
    assert [type(failure) for failure in failures] == [raised]


def deleted(low, *arrived):
    """Return a poll after retention deleted everything below `low`.

    Fetched records still arrive, then the error that the next offset is gone.
    """

    def step(consumer):
        consumer.log = (low, low + 20)
        return [*arrived, OutOfRange(b"")]

    return step


def test_a_lost_range_begins_after_the_last_record_read():
    in_flight, consumer, failures = (
        Late(),
        Consumer(lambda _: range(2_000), deleted(3_000, 2_000, 2_001)),
        [],
    )
    reader = BatchConsumer(
        positions_of(consumer),
        in_flight,
        in_flight.handed.append,
        failures.append,
        lambda ranges: None,
        in_flight.take_offsets_to_commit,
    )
    reader.start()
    reader.join(10)
    assert [[place.offset for place in places] for places in consumer.commits] == [[2_002]]
    [lost_range] = failures
    assert (
        "next to read is 2002, but the log holds 3000 to 3019; offsets 2002 to 2999 are lost"
        in str(lost_range)
    )


def test_a_new_groups_lost_range_begins_at_the_start_of_the_log():
    consumer = Consumer(deleted(130))
    consumer.next_offset, consumer.log = -1001, (7, 150)
    _, [lost_range] = run(consumer)
    assert consumer.taken_at == [7]
    assert "next to read is 7, but the log holds 130 to 149; offsets 7 to 129 are lost" in str(
        lost_range
    )


def test_a_new_group_that_restarts_after_an_abort_reports_records_deleted_in_between():
    def rebalanced_after_a_deletion(consumer):
        consumer.log = (130, 150)
        return rebalanced_amid(7, 8)(consumer)

    consumer = Consumer(rebalanced_after_a_deletion)
    consumer.next_offset, consumer.log = -1001, (7, 150)
    assert run(consumer) == ([], [])
    assert consumer.taken_at == [7]
