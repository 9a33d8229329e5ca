"""Any interleaving of polls, commits, aborts, rebalances and crashes, against a model of the log.

The real consumer side and commit side run here, step by step in one thread; the group, the log and
its transactions are the model.
"""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field

from confluent_kafka import TopicPartition
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.fakes import FakeRecord, positions_of

from streams.kafka.errors import BatchAbortedError
from streams.scorer.batch import MAX_IN_FLIGHT, InFlight, ScoredBatch
from streams.scorer.consumer import BatchConsumer
from streams.scorer.dead_letter_limit import DeadLetterLimit
from streams.scorer.pipeline import CommitPipeline

PARTITIONS = range(2)
TOPIC = "transactions"
SELDOM = st.integers(0, 3)  # a rule that clears everything would leave little to the others
ANY_MEMBER, ANY_PARTITION = st.integers(0, 1), st.sampled_from(PARTITIONS)


@dataclass
class Log:
    """The broker's state: partition lengths, committed offsets, outputs of each record."""

    ends: dict = field(default_factory=lambda: dict.fromkeys(PARTITIONS, 0))
    committed: dict = field(default_factory=dict)
    outputs: Counter = field(default_factory=Counter)


class Message(FakeRecord):
    def error(self):
        return None


class Consumer:
    """One member's client.

    As in librdkafka, callbacks run inside `poll` and `consume`, even after these have fetched.
    """

    def __init__(self, log):
        self.log = log
        self.positions = {}
        self.callbacks = deque()
        self.membership = object()  # what a transaction proves itself with
        self.most = 1

    def subscribe(self, topics, on_assign, on_revoke, on_lost):
        self.on_assign, self.on_revoke, self.on_lost = on_assign, on_revoke, on_lost

    def poll(self, timeout):
        found = self.fetch(1)
        if not found:
            self.call_back()
        return found[0] if found else None

    def consume(self, count, timeout):
        found = self.fetch(self.most)
        self.call_back()
        return found

    def call_back(self):
        while self.callbacks:
            self.callbacks.popleft()()

    def fetch(self, count):
        found = []
        for partition, position in sorted(self.positions.items()):
            found += [
                Message(b"", offset=offset, partition=partition)
                for offset in range(position, self.log.ends[partition])
            ][: count - len(found)]
        for message in found:
            self.positions[message.partition()] = message.offset() + 1
        return found

    def committed(self, partitions, timeout):
        return [
            TopicPartition(TOPIC, one.partition, self.log.committed.get(one.partition, -1001))
            for one in partitions
        ]

    def commit(self, offsets, asynchronous):
        """Commit where a new group starts."""
        for one in offsets:
            assert one.partition not in self.log.committed
            self.log.committed[one.partition] = one.offset

    def assignment(self):
        return [TopicPartition(TOPIC, partition) for partition in self.positions]

    def position(self, partitions):
        return [
            TopicPartition(TOPIC, one.partition, self.positions.get(one.partition, -1001))
            for one in partitions
        ]

    def incremental_assign(self, partitions):
        for one in partitions:
            self.positions[one.partition] = one.offset

    def incremental_unassign(self, partitions):
        for one in partitions:
            self.positions.pop(one.partition, None)

    def consumer_group_metadata(self):
        return self.membership

    def get_watermark_offsets(self, partition, timeout=None, cached=False):
        return (-1001, -1001) if cached else (0, self.log.ends[partition.partition])


class Pumped(InFlight):
    """Runs the pending commits when a caller waits for them."""

    def wait_for_capacity(self, timeout, most=MAX_IN_FLIGHT):
        return super().wait_for_capacity(
            0, MAX_IN_FLIGHT
        )  # the most that may ever be, whatever the size of its batches

    def wait_until_empty(self, timeout):
        while self.member.pending:
            self.member.commit_next()
        return super().wait_until_empty(0)


class Member:
    """One worker: the real consumer and pipeline, with batches that wait in between."""

    def __init__(self, log):
        self.log, self.pending, self.aborting = log, deque(), False
        self.consumer, self.in_flight = Consumer(log), Pumped()
        self.in_flight.member = self
        self.pipeline = CommitPipeline(
            self, self.in_flight, lambda scored: None, self.fail, DeadLetterLimit(1.0), {}
        )
        self.reader = BatchConsumer(
            positions_of(self.consumer),
            self.in_flight,
            self.pending.append,
            self.fail,
            lambda ranges: None,
        )
        self.reader.subscribe()

    def fail(self, error):
        raise error

    def write(self, outputs):
        self.written = outputs

    def commit(self, offsets, group_metadata):
        """Commit all or nothing; refuse a member that has left the group."""
        if self.aborting or group_metadata is not self.consumer.membership:
            self.aborting = False
            raise BatchAbortedError("refused")
        self.log.outputs.update(self.written)
        self.log.committed.update(offsets)

    def commit_next(self):
        batch = self.pending.popleft()
        if not self.pipeline.drop_if_stale(batch):
            asyncio.run(
                self.submit(
                    ScoredBatch(
                        batch,
                        outputs=[(record.partition(), record.offset()) for record in batch.records],
                    )
                )
            )

    async def submit(self, scored):
        await self.pipeline.submit(scored)
        await self.pipeline._running

    def give(self, partition):
        self.consumer.callbacks.append(
            lambda: self.consumer.on_assign(self.consumer, [TopicPartition(TOPIC, partition)])
        )

    def take(self, partition):
        self.consumer.on_revoke(self.consumer, [TopicPartition(TOPIC, partition)])

    def lose(self):
        """Take all its partitions; it notices in its next poll."""
        self.consumer.membership = object()
        self.consumer.callbacks.clear()
        self.consumer.callbacks.append(
            lambda: self.consumer.on_lost(self.consumer, self.consumer.assignment())
        )


class Group(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.log = Log()
        self.members = [Member(self.log), Member(self.log)]
        self.owners = dict.fromkeys(PARTITIONS, 0)
        for partition in PARTITIONS:
            self.members[0].give(partition)

    @rule(partition=ANY_PARTITION, count=st.integers(1, 3))
    def records_arrive(self, partition, count):
        """Add up to two polls' worth of records, so that the partition is often read to its end."""
        self.log.ends[partition] += count
        self.poll(self.owners[partition], 1)
        self.poll(self.owners[partition], 1)

    @rule(member=ANY_MEMBER, most=st.integers(0, 6))
    def poll(self, member, most):
        self.members[member].consumer.most = most
        self.members[member].reader._run_once()

    @rule(member=ANY_MEMBER)
    def commit(self, member):
        if self.members[member].pending:
            self.members[member].commit_next()

    @rule(member=ANY_MEMBER)
    def the_next_commit_aborts(self, member):
        self.members[member].aborting = bool(self.members[member].pending)

    @rule(partition=ANY_PARTITION)
    def rebalance(self, partition):
        """Revoke the partition in the owner's next poll; only then the other member gets it."""
        old = self.owners[partition]

        def revoked():
            if self.owners[partition] == old:
                self.members[old].take(partition)
                self.hand_over([partition], 1 - old)

        self.members[old].consumer.callbacks.append(revoked)

    @rule(member=ANY_MEMBER, chance=SELDOM)
    def the_group_loses_a_member(self, member, chance):
        """Reassign its partitions before it notices, because it was silent for too long."""
        if not chance:
            self.members[member].lose()
            self.hand_over(self.owned(member), 1 - member)

    @rule(member=ANY_MEMBER, chance=SELDOM)
    def crash(self, member, chance):
        if not chance:
            self.members[member] = Member(self.log)
            self.hand_over(self.owned(member), 1 - member)

    def owned(self, member):
        return [partition for partition, owner in self.owners.items() if owner == member]

    def hand_over(self, partitions, member):
        """Assign to `member`, which notices in its next poll."""
        for partition in partitions:
            self.owners[partition] = member
            self.members[member].give(partition)

    @invariant()
    def nothing_comes_out_twice(self):
        assert not [record for record, count in self.log.outputs.items() if count > 1]

    @invariant()
    def no_more_batches_are_on_their_way_than_may_be(self):
        assert max(len(member.pending) for member in self.members) <= MAX_IN_FLIGHT

    @invariant()
    def what_is_committed_has_come_out(self):
        assert set(self.log.outputs) == {
            (partition, n) for partition, end in self.log.committed.items() for n in range(end)
        }

    def teardown(self):
        """Run everything to the end, with commits as late as possible."""
        for _ in range(100):
            for member in (0, 1, 0, 1):
                self.poll(member, 6)
            for member in (0, 1):
                self.commit(member)
        self.nothing_comes_out_twice()
        assert self.log.committed == self.log.ends


Group.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
test_no_interleaving_loses_or_doubles_a_record = Group.TestCase


def test_a_partition_is_given_up_when_nothing_of_it_is_on_its_way():
    log = Log()
    member = Member(log)
    log.ends[0] = 1
    member.give(0)
    member.reader._run_once()
    member.reader._run_once()
    assert len(member.pending) == 1
    member.take(0)
    assert not member.pending
    assert log.committed == {0: 1}
