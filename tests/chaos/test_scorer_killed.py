"""Workers that die with SIGKILL while a replay is running: each transaction still has exactly one prediction, and the right one."""

import json
import os
import signal
import subprocess
import sys

import msgspec
import numpy as np
import pytest
from scorers import ROOT, environment, scorer
from support import read_all, wait_for

from model.artefact import probabilities
from model.dataset import matrix, read
from streams import topics
from streams.ledger import audit

COUNT = 20_000
FAULTY = [sys.executable, "tests/faulty_scorer.py"]


class Scored(msgspec.Struct):
    transaction_id: str
    probability: float


@pytest.fixture
def replay(connection, creditcard):
    """A replay that is running."""
    command = [sys.executable, "-m", "cli.main", "replay", "--data", str(creditcard), "--run", "c", "--limit", str(COUNT), "--rate", "4000"]
    process = subprocess.Popen(command, env=environment(connection), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    yield process
    process.kill()
    process.communicate()


def finish(replay):
    output, _ = replay.communicate(timeout=120)
    assert replay.returncode == 0, output.decode()


@pytest.fixture(scope="module")
def expected(creditcard, model):
    """What an undisturbed run gives: the model on the same rows."""
    rows = matrix(read(creditcard).iloc[:COUNT])
    return {f"c-{row}": probability for row, probability in enumerate(probabilities(model.margins(rows)).tolist())}


def assert_exactly_once(connection, expected):
    messages = read_all(connection, topics.PREDICTIONS, COUNT, timeout=120)
    books = audit(connection)
    assert (books.sent, books.scored, books.lost, books.duplicated) == (COUNT, COUNT, 0, 0)
    predictions = [msgspec.json.decode(message.value(), type=Scored) for message in messages]
    found = {prediction.transaction_id: prediction.probability for prediction in predictions}
    assert found.keys() == expected.keys()
    assert np.array([found[key] for key in expected]) == pytest.approx(np.array([*expected.values()]), abs=1e-12)


def test_a_worker_killed_during_a_replay_loses_and_doubles_nothing(connection, replay, expected):
    with scorer(connection, workers=2) as system:
        read_all(connection, topics.PREDICTIONS, COUNT // 10)
        victim = system.pids()[0]
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: victim not in system.pids() and len(system.pids()) == 2, 30, "the worker is started again")
        finish(replay)
        assert_exactly_once(connection, expected)
        wait_for(system.ready, 30, "the worker that was started again is ready")
        restarts = "".join(system.page(worker, "/metrics") for worker in range(2)).count("fraud_worker_restarts_total 1.0")
        assert restarts == 1


@pytest.mark.parametrize("point", ["before-the-transaction", "after-produce", "after-the-commit"])
def test_a_worker_that_dies_at_a_named_point_loses_and_doubles_nothing(connection, replay, expected, point):
    with scorer(connection, workers=1, command=[*FAULTY, point]) as system:
        wait_for(lambda: "ended with exit code -9" in system.log, 60, "the worker dies")
        finish(replay)
        assert_exactly_once(connection, expected)


def test_offsets_committed_outside_of_the_transaction_are_caught(connection, replay):
    """The mutant: what it had polled when it died is lost, and the ledger says so."""
    with scorer(connection, workers=1, command=[*FAULTY, "offsets-outside"]) as system:
        wait_for(lambda: "ended with exit code -9" in system.log, 60, "the worker dies")
        finish(replay)
        books = wait_for(lambda: all_read(connection), 60, "the group has read everything")
    assert books.lost > 0
    assert books.sent == COUNT == books.scored + books.lost
    assert len(books.first_lost) > 0


def all_read(connection):
    books = audit(connection)
    return books if books.sent == COUNT and books.pending == 0 else None


def test_the_ledger_command_fails_when_something_is_missing(connection, replay):
    finish(replay)
    command = [sys.executable, "-m", "cli.main", "ledger", "--json"]
    run = subprocess.run(command, env=environment(connection), cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert json.loads(run.stdout)["lost"] == COUNT
