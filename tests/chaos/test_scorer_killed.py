"""Workers that die with SIGKILL while a replay is running: each transaction still has exactly one prediction, and the right one."""

import json
import os
import random
import signal
import subprocess
import sys

import pytest
from support.commands import make_environment
from support.paths import ROOT
from support.replays import COUNT, assert_exactly_once, assert_running, finish_replay, run_replay
from support.scorer_process import run_scorer
from support.topic_reader import read_all
from support.waiting import wait_for

from streams.kafka import topics
from streams.ledger.audit import audit

FAULTY = [sys.executable, "tests/support/faulty_scorer.py"]


def kill(system, victims):
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    wait_for(
        lambda: not {*victims} & {*system.pids()} and len(system.pids()) == system.workers,
        30,
        "they are started again",
    )


def test_a_worker_killed_during_a_replay_loses_and_doubles_nothing(
    connection, creditcard, expected
):
    with run_scorer(connection, workers=2) as system, run_replay(connection, creditcard) as replay:
        read_all(connection, topics.PREDICTIONS, COUNT // 10)
        assert_running(replay)
        kill(system, system.pids()[:1])
        finish_replay(replay)
        assert_exactly_once(connection, expected)
        wait_for(system.ready, 30, "the worker that was started again is ready")
        restarts = "".join(system.page(worker, "/metrics") for worker in range(2)).count(
            "fraud_worker_restarts_total 1.0"
        )
        assert restarts == 1


@pytest.mark.long
def test_workers_killed_by_turns_at_random_moments_lose_and_double_nothing(
    connection, creditcard, expected
):
    """Two scorers of one worker each: five deaths within a minute would end a scorer, which is meant."""
    rng, predictions = random.Random(7), 0
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
            kill(system, system.pids())
        finish_replay(replay)
        assert_exactly_once(connection, expected)
        assert [system.log.count("ended with exit code -9") for system in (first, second)] == [3, 3]


def test_all_workers_killed_at_once_and_once_more_lose_and_double_nothing(
    connection, creditcard, expected
):
    """Four deaths: a fifth within a minute would end the scorer, which is meant."""
    with (
        run_scorer(connection, workers=2) as system,
        run_replay(connection, creditcard, rate=500) as replay,
    ):
        for share in (10, 5):
            read_all(connection, topics.PREDICTIONS, COUNT // share)
            assert_running(replay)
            kill(system, system.pids())
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
def test_a_worker_that_dies_at_a_named_point_loses_and_doubles_nothing(
    connection, creditcard, expected, point
):
    with (
        run_scorer(connection, command=[*FAULTY, point]) as system,
        run_replay(connection, creditcard) as replay,
    ):
        wait_for(lambda: "ended with exit code -9" in system.log, 60, "the worker dies")
        assert_running(replay)
        finish_replay(replay)
        assert_exactly_once(connection, expected)


def test_offsets_committed_outside_of_the_transaction_are_caught(connection, creditcard, model):
    """The mutant: what it had polled when it died is lost, and the ledger says so."""
    command = [*FAULTY, "after-the-commit-request", "--offsets-outside"]
    with (
        run_scorer(connection, command=command) as system,
        run_replay(connection, creditcard) as replay,
    ):
        wait_for(lambda: "ended with exit code -9" in system.log, 60, "the worker dies")
        assert_running(replay)
        finish_replay(replay)
        books = wait_for(lambda: all_read(connection), 60, "the group has read everything")
    assert books.lost > 0
    assert books.sent == COUNT == books.scored + books.lost
    assert len(books.first_lost) > 0


def all_read(connection):
    books = audit(connection)
    return books if books.sent == COUNT and books.pending == 0 else None


def test_the_ledger_command_fails_when_something_is_missing(connection, creditcard):
    with run_replay(connection, creditcard) as replay:
        finish_replay(replay)
    command = [sys.executable, "-m", "cli.main", "ledger", "--json"]
    run = subprocess.run(
        command,
        env=make_environment(connection),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert json.loads(run.stdout)["lost"] == COUNT
