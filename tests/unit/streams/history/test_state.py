"""Workers that abort, crash and take over partitions: every payment counts once, everywhere.

The topics are lists: a commit appends the blocks and moves the offsets, as a transaction does.
"""

from collections import deque

import numpy as np
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.data.small_history import SCHEMA
from support.data.state_oracle import DAY

from payments.state.engine import Engine, find_late
from payments.state.inputs import HistoryInputs
from streams.history.batches import Payments
from streams.history.block import decode, encode
from streams.history.rebuild import rebuild
from streams.history.state import History

PARTITIONS = 3
NOW = 200 * DAY
HOUR = DAY // 24


class Topic:
    """`transactions` and `history`: what is committed of both."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.payments = {}
        for partition in range(PARTITIONS):
            count = 60
            times = np.sort(rng.integers(0, 30 * DAY, count)) + 100 * DAY
            late = rng.random(count) < 0.1
            times[late] -= rng.integers(0, 2 * DAY, late.sum())
            self.payments[partition] = [
                # every seventh offset is not there, as after an aborted transaction
                (offset + offset // 7, int(time), float(amount) / 100, account, shop)
                for offset, (time, amount, account, shop) in enumerate(
                    zip(
                        times,
                        rng.integers(0, 9_999, count),
                        (f"a{partition}.{n}" for n in rng.integers(0, 4, count)),
                        (f"s{n}" if n else None for n in rng.integers(0, 20, count)),
                        strict=True,
                    )
                )
            ]
        self.committed = dict.fromkeys(range(PARTITIONS), 0)
        self.history = {partition: [] for partition in range(PARTITIONS)}
        self.features = {}

    def poll(self, owned, positions, most):
        rows = []
        for partition in owned:
            rest = [each for each in self.payments[partition] if each[0] >= positions[partition]]
            rows += [(partition, *each) for each in rest[:most]]
        return rows


class Worker:
    def __init__(self, topic):
        self.topic = topic
        self.history = History(SCHEMA, NOW)
        self.read = dict.fromkeys(range(PARTITIONS), 0)  # blocks of each partition
        self.owned = set()
        self.epoch = 0
        self.in_flight = deque()
        self.positions = {}
        self.receive(10**9)

    def receive(self, most):
        for partition, log in self.topic.history.items():
            begin = self.read[partition]
            blocks = log[begin : begin + most]
            self.read[partition] += len(blocks)
            self.history.receive(map(decode, blocks), self.epoch, not self.in_flight)
            self.history.sweep(PARTITIONS)

    def assign(self, partition):
        self.receive(10**9)
        offset = self.topic.committed[partition]
        if self.history.find_next(partition) is None:
            assert offset == 0
            self.history.begin(partition, 0)
        assert self.history.find_next(partition) == offset
        self.owned.add(partition)
        self.positions[partition] = offset

    def process(self, most):
        rows = self.topic.poll(sorted(self.owned), self.positions, most)
        if not rows:
            return
        partitions, offsets, times, amounts, accounts, shops = zip(*rows, strict=True)
        ends = {partition: offset + 1 for partition, offset, *_ in rows}
        payments = Payments(
            np.array(partitions),
            np.array(offsets),
            np.array(times),
            np.array(amounts),
            {"account": list(accounts), "shop": list(shops)},
        )
        applied = self.history.apply(self.epoch, ends, payments, NOW)
        self.positions |= ends
        self.in_flight.append((applied, ends, partitions, offsets))

    def commit(self):
        if not self.in_flight:
            return
        applied, ends, partitions, offsets = self.in_flight.popleft()
        for block in applied.blocks:
            self.topic.history[block.partition].append(encode(block))
        self.topic.committed |= ends
        for place, features in zip(
            zip(partitions, offsets, strict=True), applied.features, strict=True
        ):
            assert place not in self.topic.features
            self.topic.features[place] = features
        applied.entry.committed = True
        self.history.settle(self.epoch, drained=not self.in_flight)
        self.history.sweep(PARTITIONS)

    def abort(self):
        """The epoch ends, and the partitions are read again from the committed offsets."""
        self.in_flight.clear()
        self.epoch += 1
        self.positions |= {each: self.topic.committed[each] for each in self.owned}

    def lose(self, partition):
        """Give a partition up when nothing is in flight."""
        while self.in_flight:
            self.commit()
        self.owned.remove(partition)


class Cluster(RuleBasedStateMachine):
    @initialize(seed=st.integers(0, 9))
    def begin(self, seed):
        self.topic = Topic(seed)
        self.workers = [Worker(self.topic) for _ in range(2)]
        for partition in range(PARTITIONS):
            self.workers[partition % 2].assign(partition)

    @rule(worker=st.integers(0, 1), most=st.integers(1, 9))
    def process(self, worker, most):
        if len(self.workers[worker].in_flight) < 2:
            self.workers[worker].process(most)

    @rule(worker=st.integers(0, 1))
    def commit(self, worker):
        self.workers[worker].commit()

    @rule(worker=st.integers(0, 1))
    def abort(self, worker):
        self.workers[worker].abort()

    @rule(worker=st.integers(0, 1), most=st.integers(1, 3))
    def receive(self, worker, most):
        self.workers[worker].receive(most)

    @rule(partition=st.integers(0, PARTITIONS - 1))
    def rebalance(self, partition):
        old = next(each for each in self.workers if partition in each.owned)
        new = next(each for each in self.workers if each is not old)
        old.lose(partition)
        new.assign(partition)

    @rule(partition=st.integers(0, PARTITIONS - 1), most=st.integers(1, 9))
    def lose_with_batches_in_flight(self, partition, most):
        """As when a session times out: the other one goes on before this one knows."""
        old = next(each for each in self.workers if partition in each.owned)
        new = next(each for each in self.workers if each is not old)
        old.owned.remove(partition)
        new.assign(partition)
        if len(new.in_flight) < 2:
            new.process(most)
        while new.in_flight:
            new.commit()
        old.receive(10**9)  # while its own batches are in flight, which are about to be aborted
        old.abort()

    @rule(worker=st.integers(0, 1))
    def crash(self, worker):
        old = self.workers[worker]
        self.workers[worker] = new = Worker(self.topic)
        for partition in old.owned:
            new.assign(partition)

    @invariant()
    def committed_offsets_and_history_agree(self):
        for partition, log in self.topic.history.items():
            blocks = [decode(value) for value in log]
            edges = [0, *(block.end for block in blocks)]
            assert [block.first for block in blocks] == edges[:-1]
            assert self.topic.committed[partition] == edges[-1]

    def teardown(self):
        if not hasattr(self, "topic"):
            return
        for worker in self.workers:
            worker.abort()
            while any(worker.topic.poll(worker.owned, worker.positions, 1)):
                worker.process(5)
                worker.commit()
        engine = apply_at_once(self.topic)
        for worker in self.workers:
            worker.receive(10**9)
            assert_equal_states(worker, engine, self.topic)
        assert len(self.topic.features) == sum(map(len, self.topic.payments.values()))
        assert_rebuilt_from_blocks(self.topic)


def list_all(topic):
    return topic.poll(range(PARTITIONS), dict.fromkeys(range(PARTITIONS), 0), 10**9)


def make_columns(rows):
    _, _, times, amounts, accounts, shops = zip(*rows, strict=True)
    return HistoryInputs(SCHEMA).make_columns(
        np.array(times), np.array(amounts), {"account": accounts, "shop": shops}
    )


def apply_at_once(topic):
    """All payments in one pass, each with its partition's late ones marked."""
    engine = Engine(SCHEMA)
    for partition in range(PARTITIONS):
        rows = [each for each in list_all(topic) if each[0] == partition]
        columns = make_columns(rows)
        alone = find_late(columns.times)
        engine.fold(columns._replace(alone=alone))
        engine.commit()
    return engine


def assert_equal_states(worker, engine, topic):
    """Compare what payments from a day before the slowest partition's newest one on would see."""
    columns = make_columns(list_all(topic))
    newest = [max(row[1] for row in rows) for rows in topic.payments.values()]
    for row in np.flatnonzero(columns.times >= min(newest) - DAY):
        probe = columns.take(np.array([row]))
        mine = worker.history._engine.peek(probe)
        assert np.array_equal(mine, engine.peek(probe), equal_nan=True)


def assert_rebuilt_from_blocks(topic):
    blocks = [decode(value) for log in topic.history.values() for value in log]
    found = {}
    for batch in rebuild(SCHEMA, blocks):
        places = zip(batch.partitions.tolist(), batch.offsets.tolist(), strict=True)
        found |= zip(places, batch.features, strict=True)
    assert found.keys() == topic.features.keys()
    for place, features in topic.features.items():
        assert np.array_equal(features, found[place], equal_nan=True)


Cluster.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    phases=[Phase.generate],  # to shrink an example takes minutes
)
TestCluster = Cluster.TestCase


def test_entities_are_forgotten_only_when_no_partition_can_see_them():
    history = History(SCHEMA, NOW)
    times = 100 * DAY + np.arange(2_000) * HOUR
    shops = ["rare", *["other"] * 1_999]
    shape = np.zeros(2_000, np.int64)
    payments = Payments(
        shape,
        np.arange(2_000),
        times,
        shape.astype(float),
        {"account": [f"a{number}" for number in range(2_000)], "shop": shops},
    )
    for partition in range(2):
        history.begin(partition, 0)
    history.apply(0, {0: 2_000}, payments, NOW).entry.committed = True
    history.settle(0, drained=True)
    history.sweep(2)
    late = Payments(
        np.ones(1, np.int64),
        np.zeros(1, np.int64),
        times[:1] + HOUR,
        np.zeros(1),
        {"account": ["b"], "shop": ["rare"]},
    )
    [features] = history.apply(0, {1: 1}, late, NOW).features
    assert features[Engine(SCHEMA).features.index("shop.count.1d")] == 2
    late = late._replace(offsets=late.offsets + 1, times=times[-1:])
    for entry in (history._entries[-1], history.apply(0, {1: 2}, late, NOW).entry):
        entry.committed = True
    history.settle(0, drained=True)
    for _ in range(10):
        history._unswept = 2_000
        history.sweep(2)
    assert history._engine.entities["account"] < 200
