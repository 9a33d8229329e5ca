"""A worker that is stopped for longer than its session and its transaction last, and then goes on as a zombie: it commits nothing."""

import os
import signal
import sys

import pytest
from support.replays import assert_exactly_once, assert_running, finish_replay, run_replay
from support.scorer_process import run_scorer
from support.waiting import wait_for

ZOMBIE = [sys.executable, "tests/support/faulty_scorer.py", "--stop"]
# How each learns of it: its membership is refused at its first request, or its transaction was aborted by the broker long ago, which is
# the first answer, or the second after a call that lasted for too long while it was stopped.
REFUSED = (
    "transaction aborted, reading again",
    "ended with exit code",
    "lost contact with Kafka",
)


@pytest.mark.parametrize(
    "point",
    [
        "after-scoring",
        pytest.param("after-produce", marks=pytest.mark.long),
        pytest.param("before-the-commit-request", marks=pytest.mark.long),
    ],
)
def test_a_zombie_commits_nothing(connection, creditcard, expected, point):
    """All that it held was scored by the other worker when it goes on."""
    with (
        run_scorer(connection, workers=2, command=[*ZOMBIE, point]) as system,
        run_replay(connection, creditcard) as replay,
    ):
        [zombie] = wait_for(system.stopped, 60, "a worker stops with a batch in its hands")
        assert_running(replay)
        finish_replay(replay)
        assert_exactly_once(connection, expected)
        assert system.stopped() == [zombie]
        before = len(system.log)
        os.kill(zombie, signal.SIGCONT)
        wait_for(lambda: any(line in system.log[before:] for line in REFUSED), 60, "it is refused")
        assert_exactly_once(connection, expected)
