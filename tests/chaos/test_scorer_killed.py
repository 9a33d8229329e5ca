"""Workers killed during a replay: each transaction still gets one prediction, the correct one."""

import json
import random
import sys

import pytest
from support.commands import run_on
from support.replays import COUNT, assert_exactly_once, assert_running, finish_replay, run_replay
from support.scorer_process import DIED, run_scorer
from support.topic_reader import read_all
from support.waiting import wait_for

from streams.kafka import topics
from streams.ledger.audit import audit

FAULTY = [sys.executable, "tests/support/faulty_scorer.py"]


def test_a_worker_killed_during_a_replay_loses_and_duplicates_nothing(
    connection, creditcard, expected
):
    with run_scorer(connection, workers=2) as system, run_replay(connection, creditcard) as replay:
        read_all(connection, topics.PREDICTIONS, COUNT // 10)
        assert_running(replay)
        system.kill(system.pids()[:1])
        finish_replay(replay)
        assert_exactly_once(connection, expected)
        wait_for(system.ready, 30, "the restarted worker is ready")
        metrics = "".join(system.page(worker, "/metrics") for worker in range(2))
        assert metrics.count("fraud_worker_restarts_total 1.0") == 1


@pytest.mark.long
def test_workers_killed_in_turn_at_random_moments_lose_and_duplicate_nothing(
    connection, creditcard, expected
):
    """Two scorers of one worker each, because a scorer gives up after five crashes in a minute."""
    rng = random.Random(7)
    predictions = 0
    with (
        run_scorer(connection) as first,
        run_scorer(connection, FRAUD_INSTANCE="second") as second,
        run_replay(connection, creditcard, rate=250) as replay,
    ):
        for system in (first, second) * 3:
            predictions = len(
                read_all(connection, topics.PREDICTIONS, predictions + rng.randint(1, 1000))
            )
            assert_running(replay)
            system.kill(system.pids())
        finish_replay(replay)
        assert_exactly_once(connection, expected)
        assert [system.log.count(f"{DIED} -9") for system in (first, second)] == [3, 3]


def test_all_workers_killed_at_once_twice_lose_and_duplicate_nothing(
    connection, creditcard, expected
):
    """Four crashes: after a fifth in a minute, the scorer would give up."""
    with (
        run_scorer(connection, workers=2) as system,
        run_replay(connection, creditcard, rate=500) as replay,
    ):
        for share in (10, 5):
            read_all(connection, topics.PREDICTIONS, COUNT // share)
            assert_running(replay)
            system.kill(system.pids())
        finish_replay(replay)
        assert_exactly_once(connection, expected)


@pytest.mark.parametrize(
    "point",
    [
        "after-poll",
        pytest.param("after-scoring", marks=pytest.mark.long),
        "after-produce",
        pytest.param("before-the-commit-request", marks=pytest.mark.long),
        "after-the-commit-request",
    ],
)
def test_a_worker_that_dies_at_a_named_point_loses_and_duplicates_nothing(
    connection, creditcard, expected, point
):
    with (
        run_scorer(connection, command=[*FAULTY, point]) as system,
        run_replay(connection, creditcard) as replay,
    ):
        wait_for(lambda: f"{DIED} -9" in system.log, 60, "the worker dies")
        assert_running(replay)
        finish_replay(replay)
        assert_exactly_once(connection, expected)


def test_offsets_committed_outside_the_transaction_are_noticed(connection, creditcard, model):
    """With this mutant, the records polled before the crash are lost, and the ledger reports it."""
    command = [*FAULTY, "after-the-commit-request", "--offsets-outside"]
    with (
        run_scorer(connection, command=command) as system,
        run_replay(connection, creditcard) as replay,
    ):
        wait_for(lambda: f"{DIED} -9" in system.log, 60, "the worker dies")
        assert_running(replay)
        finish_replay(replay)
        result = wait_for(lambda: audit_complete(connection), 60, "the group has read everything")
    assert result.lost > 0
    assert result.sent == COUNT == result.scored + result.lost
    assert len(result.first_lost) > 0


def audit_complete(connection):
    result = audit(connection)
    return result if result.sent == COUNT and result.pending == 0 else None


def test_the_ledger_command_fails_if_anything_is_missing(connection, creditcard):
    with run_replay(connection, creditcard) as replay:
        finish_replay(replay)
    run = run_on(connection, "ledger", "--json")
    assert run.returncode == 1
    assert json.loads(run.stdout)["lost"] == COUNT
