"""A replay of creditcard.csv in a process of its own, and the proof that each of its transactions was scored once, and rightly."""

import contextlib
import functools
import subprocess
import sys

import msgspec
import numpy as np
import pytest

from model.artefact import probabilities
from model.dataset import matrix, read
from streams.kafka import topics
from streams.kafka.codec import source_of
from streams.ledger.audit import audit
from support.commands import make_environment
from support.paths import ROOT
from support.topic_reader import read_all

COUNT = 20_000


class Scored(msgspec.Struct):
    transaction_id: str
    probability: float
    decision: str


@contextlib.contextmanager
def run_replay(connection, creditcard, rate=2000):
    """A replay of COUNT transactions that is running: ten seconds, for on a busy machine faults come late. It is ended with the block."""
    command = [
        sys.executable,
        "-m",
        "cli.main",
        "replay",
        "--data",
        str(creditcard),
        "--run",
        "c",
        "--limit",
        str(COUNT),
    ]
    process = subprocess.Popen(
        [*command, "--rate", str(rate)],
        env=make_environment(connection),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def assert_running(replay):
    """What is broken is broken in mid replay."""
    assert replay.poll() is None, "the replay was over too soon"


def finish_replay(replay):
    output, _ = replay.communicate(timeout=120)
    assert replay.returncode == 0, output.decode()


@functools.cache
def _replayed(creditcard):
    return matrix(read(creditcard).iloc[:COUNT])


def predict_undisturbed(creditcard, model):
    """The probabilities of an undisturbed run, by transaction: the model on the same rows."""
    rows = _replayed(creditcard)
    return {
        f"c-{row}": probability
        for row, probability in enumerate(probabilities(model.margins(rows)).tolist())
    }


def assert_exactly_once(connection, expected, rejected=0):
    """Lost, duplicated and phantom 0, as many dead letters as are expected, the probabilities that are, and an alert for each suspicion."""
    messages = read_all(connection, topics.PREDICTIONS, COUNT - rejected, timeout=120)
    books = audit(connection)
    assert (books.sent, books.scored, books.rejected) == (COUNT, COUNT - rejected, rejected)
    assert (books.lost, books.duplicated, books.phantom) == (0, 0, 0)
    predictions = [msgspec.json.decode(message.value(), type=Scored) for message in messages]
    found = {prediction.transaction_id: prediction.probability for prediction in predictions}
    assert found.keys() == expected.keys()
    assert np.array([found[key] for key in expected]) == pytest.approx(
        np.array([*expected.values()]), abs=1e-12
    )
    suspicious = sorted(
        source_of(message.headers())
        for message, made in zip(messages, predictions, strict=True)
        if made.decision != "approve"
    )
    assert len(suspicious) > COUNT // 10, (
        "what was broken held hardly an alert: see the fixture `model` of tests/chaos"
    )
    alerts = read_all(connection, topics.ALERTS, len(suspicious))
    assert sorted(source_of(message.headers()) for message in alerts) == suspicious
