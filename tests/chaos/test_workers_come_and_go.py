"""Workers that join and leave, or join and die, every few seconds during a replay."""

import os
import signal

import pytest
from support.replays import assert_exactly_once, assert_running, finish_replay, run_replay
from support.scorer_process import run_scorer

RATE = 150  # the replay lasts 133 s, the rounds half of that
ROUNDS = 8


@pytest.mark.long
def test_workers_added_and_removed_during_a_replay_lose_and_duplicate_nothing(
    connection, creditcard, expected
):
    with run_replay(connection, creditcard, RATE) as replay, run_scorer(connection):
        for number in range(ROUNDS):
            with run_scorer(connection, FRAUD_INSTANCE=f"guest-{number}") as guest:
                assert_running(replay)
                if number % 2:
                    for pid in guest.pids():
                        os.kill(pid, signal.SIGKILL)
                else:
                    assert guest.stop() == 0
        finish_replay(replay)
        assert_exactly_once(connection, expected)
