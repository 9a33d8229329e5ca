"""A broker whose disk is full stops; the scorer is not ready, and continues once there is space."""

import resource

import pytest
from support.replays import assert_exactly_once, assert_running, finish_replay, run_replay
from support.scorer_process import run_scorer
from support.waiting import wait_for

from streams.kafka import topic_admin
from streams.kafka.connection import Connection

# The largest size of a file: writing beyond it fails as on a full disk. The log of one partition of
# `transactions` (11 MB) still fits; that of `predictions`, which contains them and more, does not.
FILE_BYTES = 13_000_000


@pytest.mark.long
def test_a_full_disk_costs_only_time(own_broker, creditcard, expected):
    connection = Connection(own_broker.bootstrap_servers)
    topic_admin.create(connection, partitions=1)
    full = own_broker.find_process()
    full.rlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, resource.RLIM_INFINITY))
    with run_scorer(connection, workers=2) as system, run_replay(connection, creditcard) as replay:
        full.wait(90)  # Kafka exits when its last disk fails
        assert_running(replay)
        wait_for(lambda: not system.ready(), 30, "the scorer is not ready")
        own_broker.start(say=print)  # without the limit
        finish_replay(replay)
        assert_exactly_once(connection, expected)
        assert system.process.poll() is None
