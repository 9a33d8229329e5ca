"""Partitions are held back until the history has everything before their committed offsets."""

import asyncio
import threading

import pytest
from support.data.small_history import SCHEMA, make_shop_block

from streams.history.errors import HistoryGapError
from streams.history.follower import Beginning
from streams.history.state import History
from streams.scorer import history_keeper
from streams.scorer.batch import InFlight
from streams.scorer.history_keeper import HistoryKeeper

NOW = 1 << 40


class FakeReader:
    """Has read everything, except while the test says otherwise."""

    partitions = 3

    def __init__(self):
        self.complete = True
        self.asked = threading.Event()
        self.receive = None

    def restore(self, receive, progress, stopping):
        self.receive = receive

    def start(self, receive, on_failure):
        self.receive = receive

    def is_at_end(self, partition):
        self.asked.set()
        return self.complete

    def begins(self, partition):
        return Beginning(0, False)

    def close(self):
        pass


class Setting:
    """A keeper whose agent's thread runs."""

    def __init__(self, accept_gap=False):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.reader = FakeReader()
        self.history = History(SCHEMA, NOW, accept_gap=accept_gap)
        self.stopping = threading.Event()
        self.failures = []
        self.keeper = HistoryKeeper(
            self.reader,
            self.history,
            InFlight(),
            self.loop,
            self.failures.append,
            self.stopping,
        )
        asyncio.run_coroutine_threadsafe(self.keeper.open(), self.loop).result()

    def receive(self, *blocks):
        self.reader.receive([(block.partition, block, 0) for block in blocks])

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def setting():
    made = Setting()
    yield made
    made.close()


@pytest.fixture
def forgiving():
    made = Setting(accept_gap=True)
    yield made
    made.close()


def test_a_partition_waits_for_the_block_of_its_last_batch(setting):
    setting.reader.complete = False
    waiter = threading.Thread(
        target=setting.keeper.wait_until_ready, args=({0: 20, 1: 0}, {0: 0, 1: 0})
    )
    setting.receive(make_shop_block(0, 0, 10), make_shop_block(1, 0, 0))
    waiter.start()
    assert setting.reader.asked.wait(30)
    setting.reader.asked.clear()
    assert setting.reader.asked.wait(30)  # it asks again and again
    assert waiter.is_alive()
    setting.receive(make_shop_block(0, 10, 20))
    waiter.join()
    assert setting.history.find_next(0) == 20
    assert not setting.failures


def test_a_new_group_begins_at_the_beginning_of_the_topic(setting):
    assert setting.keeper.wait_until_ready({0: 7}, {0: 7})
    assert setting.history.find_next(0) == 7


def test_a_deleted_history_is_named(setting):
    setting.receive(make_shop_block(1, 0, 5))
    with pytest.raises(HistoryGapError, match=r"partition 0 from offset 0 to 19, .*--accept-his"):
        setting.keeper.wait_until_ready({0: 20}, {0: 3})
    with pytest.raises(HistoryGapError, match="partition 1 from offset 5 to 19"):
        setting.keeper.wait_until_ready({1: 20}, {1: 3})


def test_a_gap_is_accepted_if_the_user_says_so(forgiving):
    forgiving.receive(make_shop_block(1, 0, 5))
    forgiving.keeper.wait_until_ready({0: 20, 1: 20}, {0: 3, 1: 3})
    assert forgiving.history.find_next(0) == 20
    assert forgiving.history.find_next(1) == 5  # the next block has the gap in its range


@pytest.mark.parametrize("who", ["setting", "forgiving"])
def test_payments_that_would_count_twice_are_refused(who, request):
    setting = request.getfixturevalue(who)
    setting.receive(make_shop_block(0, 0, 20))
    with pytest.raises(HistoryGapError, match="would count twice"):
        setting.keeper.wait_until_ready({0: 10}, {0: 0})


def test_a_stop_ends_the_wait(setting):
    setting.reader.complete = False
    answers = []
    waiter = threading.Thread(
        target=lambda: answers.append(setting.keeper.wait_until_ready({0: 20}, {0: 0}))
    )
    waiter.start()
    assert setting.reader.asked.wait(30)
    setting.stopping.set()
    waiter.join()
    assert answers == [False]


@pytest.mark.parametrize(
    "block",
    [
        make_shop_block(0, 15, 20),
        make_shop_block(0, 5, 15),
        make_shop_block(1, 9, 12, previous=NOW),
    ],
)
def test_a_block_that_does_not_follow_ends_the_process(setting, block):
    setting.receive(make_shop_block(0, 0, 10))
    setting.receive(block)
    setting.keeper.wait_until_ready({2: 0}, {2: 0})  # the agent's thread has received it
    [failure] = setting.failures
    assert isinstance(failure, HistoryGapError)


def test_blocks_that_were_deleted_long_ago_do_not_count(setting):
    setting.receive(make_shop_block(1, 9, 12, previous=NOW - 40 * 86_400_000))
    setting.keeper.wait_until_ready({1: 12}, {1: 0})
    assert not setting.failures


def test_a_history_with_fewer_partitions_is_named(setting, monkeypatch):
    monkeypatch.setattr(history_keeper, "_MISSING_S", 0)
    with pytest.raises(HistoryGapError, match="has 3 partitions, and `transactions` has more"):
        setting.keeper.wait_until_ready({3: 0}, {3: 0})


def test_a_stop_during_the_restore_ends_it(setting):
    setting.reader.receive = None
    setting.stopping.set()
    setting.reader.begins = None  # unknown before the restore has begun
    asyncio.run_coroutine_threadsafe(setting.keeper.open(), setting.loop).result()
