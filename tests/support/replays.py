"""Replay creditcard.csv in a process, and check that each transaction was scored correctly once."""

import functools
import subprocess

import msgspec
import numpy as np
import pytest

from model.artefact import compute_probabilities
from model.dataset import make_matrix, read
from streams.kafka import topics
from streams.kafka.messages import read_source
from streams.ledger.audit import audit
from support.commands import make_environment, start
from support.data.transactions import ENCODER
from support.topic_reader import read_all

COUNT = 20_000


class DecodedPrediction(msgspec.Struct):
    transaction_id: str
    probability: float
    decision: str


def run_replay(connection, creditcard, rate=2000):
    """Run a replay of COUNT transactions until the block ends.

    The default rate makes it last ten seconds: on a busy machine, faults take effect late.
    """
    command = f"replay --data {creditcard} --run c --limit {COUNT} --rate {rate}".split()
    return start(command, make_environment(connection), stderr=subprocess.STDOUT)


def assert_running(replay):
    """Check that the fault comes in the middle of the replay."""
    assert replay.poll() is None, "the replay ended too soon"


def finish_replay(replay):
    output, _ = replay.communicate(timeout=120)
    assert replay.returncode == 0, output


@functools.cache
def _read_rows(creditcard):
    return make_matrix(read(creditcard, ENCODER).iloc[:COUNT], ENCODER)


def predict_undisturbed(creditcard, model):
    """Return each transaction's probability in a run without faults: the model on the same rows."""
    found = compute_probabilities(model.compute_margins(_read_rows(creditcard)))
    return {f"c-{row}": probability for row, probability in enumerate(found.tolist())}


def assert_exactly_once(connection, expected, rejected=0):
    """Check that nothing is lost, duplicated or phantom, and that the outputs are right.

    There are `rejected` dead letters, the `expected` probability of every other transaction, and
    an alert for each prediction that does not approve.
    """
    messages = read_all(connection, topics.PREDICTIONS, COUNT - rejected, timeout=120)
    result = audit(connection)
    assert (result.sent, result.scored, result.rejected) == (COUNT, COUNT - rejected, rejected)
    assert (result.lost, result.duplicated, result.phantom) == (0, 0, 0)
    predictions = [
        msgspec.json.decode(message.value(), type=DecodedPrediction) for message in messages
    ]
    found = {prediction.transaction_id: prediction.probability for prediction in predictions}
    assert found.keys() == expected.keys()
    assert np.array([found[key] for key in expected]) == pytest.approx(
        np.array([*expected.values()]), abs=1e-12
    )
    suspicious = sorted(
        read_source(message)
        for message, prediction in zip(messages, predictions, strict=True)
        if prediction.decision != "approve"
    )
    assert len(suspicious) > COUNT // 10, (
        "too few alerts to be lost or duplicated: see the fixture `model` of tests/chaos"
    )
    alerts = read_all(connection, topics.ALERTS, len(suspicious))
    assert sorted(read_source(message) for message in alerts) == suspicious
