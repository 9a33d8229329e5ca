"""One of three brokers dies for good: the one that coordinates the scorer's group."""

import pytest
from support.brokers.three import run_three_brokers
from support.replays import COUNT, assert_exactly_once, assert_running, finish_replay, run_replay
from support.scorer_process import run_scorer
from support.topic_reader import read_all
from support.waiting import wait_for

from streams.kafka import topics


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_scorer_continues_without_the_coordinator_of_its_group(
    tmp_path, creditcard, expected, model
):
    with run_three_brokers(tmp_path) as brokers:
        connection = brokers.connection
        with (
            run_scorer(connection, workers=2, wait=False) as system,
            run_replay(connection, creditcard, rate=1000) as replay,
        ):
            read_all(connection, topics.PREDICTIONS, COUNT // 10, timeout=120)
            assert_running(replay)
            brokers.kill(brokers.find_coordinator(topics.SCORER_GROUP))
            finish_replay(replay)
            assert_exactly_once(connection, expected)
            wait_for(system.ready, 60, "all workers are ready again")
            assert system.process.poll() is None
            assert "ended with exit code" not in system.log  # waiting too long is no crash
