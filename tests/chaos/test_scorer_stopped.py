"""A worker stopped for longer than its session and transaction timeouts becomes a zombie.

When it continues, it commits nothing.
"""

import os
import signal
import sys

import pytest
from support.replays import assert_exactly_once, assert_running, finish_replay, run_replay
from support.scorer_process import DIED, run_scorer
from support.waiting import wait_for

ZOMBIE = [sys.executable, "tests/support/faulty_scorer.py", "--stop"]
# A zombie is refused as a member of the group at its first request, or learns that the broker has
# aborted its transaction: from the first answer, or from the second if a call has timed out.
REFUSED = (
    "transaction aborted, reading again",
    DIED,
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
    """The other worker has scored the whole batch of the stopped one before that continues."""
    with (
        run_scorer(connection, workers=2, command=[*ZOMBIE, point]) as system,
        run_replay(connection, creditcard) as replay,
    ):
        [zombie] = wait_for(system.stopped, 60, "a worker stops while it processes a batch")
        assert_running(replay)
        finish_replay(replay)
        assert_exactly_once(connection, expected)
        assert system.stopped() == [zombie]
        before = len(system.log)
        os.kill(zombie, signal.SIGCONT)
        wait_for(lambda: any(line in system.log[before:] for line in REFUSED), 60, "it is refused")
        assert_exactly_once(connection, expected)
