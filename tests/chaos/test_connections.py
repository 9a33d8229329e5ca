"""A scorer behind a proxy that cuts its connections, slows them, and loses the answer to a commit.

The replay and the reader connect directly.
"""

import os
import secrets
import signal
import sys

import pytest
from support.brokers.proxy import run_proxied_broker
from support.replays import COUNT, assert_exactly_once, assert_running, finish_replay, run_replay
from support.scorer_process import DIED, run_scorer
from support.topic_reader import read_all
from support.waiting import wait_for

from streams.kafka import topic_admin, topics
from streams.kafka.connection import Connection

DELAY_S = 0.05
CUTS = 10
LAST_REQUEST = [
    sys.executable,
    "tests/support/faulty_scorer.py",
    "--stop",
    "before-the-commit-request",
]


@pytest.fixture(scope="module")
def proxied_broker(tmp_path_factory):
    with run_proxied_broker(tmp_path_factory.mktemp("kafka")) as started:
        yield started


@pytest.fixture
def connections(proxied_broker):
    """A direct and a proxied connection to new topics, and the proxy."""
    direct, indirect, proxy = proxied_broker
    prefix = f"t{secrets.token_hex(4)}."
    topic_admin.create(Connection(direct, prefix), partitions=4)
    yield Connection(direct, prefix), Connection(indirect, prefix), proxy
    proxy.delay = 0.0
    proxy.answers.set()


@pytest.mark.long
def test_connections_that_are_cut_and_slowed_cost_only_time(connections, creditcard, expected):
    direct, indirect, proxy = connections
    with (
        run_scorer(indirect, workers=2) as system,
        run_replay(direct, creditcard, rate=300) as replay,
    ):
        for number in range(1, CUTS + 1):
            read_all(direct, topics.PREDICTIONS, COUNT * number // (2 * CUTS))
            assert_running(replay)
            proxy.delay = DELAY_S * (number % 2)
            assert proxy.cut() > 0
        proxy.delay = DELAY_S
        finish_replay(replay)
        assert_exactly_once(direct, expected)
        assert system.process.poll() is None


@pytest.mark.long
@pytest.mark.parametrize("then", ["cut", "killed"])
def test_a_commit_whose_answer_is_lost_counts_once(connections, creditcard, expected, then):
    """The worker stops before its request, which then reaches the broker but gets no answer."""
    direct, indirect, proxy = connections
    with (
        run_scorer(indirect, command=LAST_REQUEST) as system,
        run_replay(direct, creditcard) as replay,
    ):
        [worker] = wait_for(system.stopped, 60, "the worker stops before it asks for the commit")
        assert_running(replay)
        before = len(read_all(direct, topics.PREDICTIONS, 0))
        proxy.answers.clear()
        os.kill(worker, signal.SIGCONT)
        read_all(direct, topics.PREDICTIONS, before + 1)  # the broker has committed
        if then == "killed":
            os.kill(worker, signal.SIGKILL)
        else:
            wait_for(lambda: "trying again" in system.log, 30, "it asks for the commit again")
        proxy.cut()
        proxy.answers.set()
        read_all(direct, topics.PREDICTIONS, COUNT // 2)  # it continues
        finish_replay(replay)
        assert_exactly_once(direct, expected)
        assert (DIED in system.log) == (then == "killed")
        # A worker that aborts an uncertain commit gets no further: librdkafka (2.16) refuses to
        # abort while a commit is pending, until the deadline replaces the worker.
        assert (system.pids() == [worker]) == (then == "cut")
