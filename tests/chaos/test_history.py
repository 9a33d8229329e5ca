"""Faults during a replay: features of history are those of a run without faults."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
from support.commands import make_environment, run_on, start
from support.data.cards import simulate_table
from support.publishing import publish
from support.replays import assert_running
from support.scorer_process import run_scorer
from support.topic_reader import read_all

from model import dataset
from model.artefact import compute_probabilities
from model.dataset import make_matrix, read_for_training
from model.publish import save
from model.training import pipeline
from payments.schema.reading import read_schema
from producer.simulation.cards import CardOptions
from streams.history.block import decode
from streams.history.rebuild import rebuild
from streams.kafka import topics
from streams.kafka.messages import read_source
from streams.ledger.audit import audit

COUNT = 8_000
BUILTIN = Path("payments/schema/builtin/cards.toml")


@pytest.fixture(scope="module")
def payments(tmp_path_factory):
    """A file of card payments."""
    path = tmp_path_factory.mktemp("cards") / "cards.csv"
    options = CardOptions(COUNT, customers=150, fraud_share=0.04)
    simulate_table(options).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def model(payments, tmp_path_factory):
    """A model for payments whose features read the history of accounts and of terminals."""
    folder = tmp_path_factory.mktemp("models")
    text = BUILTIN.read_text()
    schema = folder / "schema.toml"
    schema.write_text(text[: text.index("[[features.risk]]")])
    trained = save(pipeline.train(read_for_training(payments, read_schema(str(schema)))), folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRAUD_SCHEMA", str(schema))
        patch.setenv("FRAUD_MODEL_DIR", str(trained.directory))
        yield trained


@pytest.fixture(scope="module")
def expected(payments, model):
    """The features of each payment, by its id, in one pass over the file."""
    encoder = model.decoder.encoder
    ids = pd.read_csv(payments, usecols=["transaction_id"])["transaction_id"]
    return dict(zip(ids, make_matrix(dataset.read(payments, encoder), encoder), strict=True))


def run_replay(connection, payments, rate=400):
    return start(
        ["replay", "--data", str(payments), "--rate", str(rate)], make_environment(connection)
    )


class Prediction(msgspec.Struct):
    transaction_id: str
    probability: float
    features: list[float | None]


def assert_as_in_one_pass(connection, model, expected):
    """Check the ledger, and the features of every payment.

    Those of accounts are as in one pass over the file, because an account's payments share a
    partition. Those of terminals are what the workers had applied, as their blocks say. Predictions
    carry all of them.
    """
    messages = read_all(connection, topics.PREDICTIONS, COUNT, timeout=120)
    result = audit(connection)
    assert (result.sent, result.scored, result.rejected) == (COUNT, COUNT, 0)
    assert (result.lost, result.duplicated, result.phantom) == (0, 0, 0)
    predictions = [msgspec.json.decode(each.value(), type=Prediction) for each in messages]
    by_origin = {
        read_source(message): prediction
        for message, prediction in zip(messages, predictions, strict=True)
    }
    blocks = [decode(each.value()) for each in read_all(connection, topics.HISTORY, 1)]
    encoder = model.decoder.encoder
    of_others = [not name.startswith("terminal") for name in encoder.names]
    seen = 0
    for batch in rebuild(encoder.schema, blocks):
        origins = zip(batch.partitions.tolist(), batch.offsets.tolist(), strict=True)
        found = [by_origin[origin] for origin in origins]
        matrix = np.array([expected[each.transaction_id] for each in found])
        one_pass = matrix.copy()
        encoder.add_history(matrix, batch.features)
        assert np.array_equal(matrix[:, of_others], one_pass[:, of_others], equal_nan=True)
        carried = np.array([each.features for each in found], np.float32)
        assert np.array_equal(carried, matrix[:, -carried.shape[1] :], equal_nan=True)
        probabilities = compute_probabilities(model.compute_margins(matrix))
        assert [each.probability for each in found] == probabilities.tolist()
        seen += len(found)
    assert seen == COUNT


def assert_features_follow(connection):
    result = run_on(connection, "audit-features", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"checked": COUNT, "different": 0, "skipped": 0}


def test_without_a_fault(connection, payments, model, expected):
    with run_replay(connection, payments, rate=0) as replay:
        replay.communicate(timeout=120)
    with run_scorer(connection):
        assert_as_in_one_pass(connection, model, expected)
        assert_features_follow(connection)
    [last] = read_all(connection, topics.PREDICTIONS, COUNT)[-1:]
    forged = json.loads(last.value())
    forged["features"][-1] = 17.5
    publish(connection, topics.PREDICTIONS, [json.dumps(forged).encode()])
    result = run_on(connection, "audit-features")
    assert result.returncode == 1
    name = model.decoder.encoder.history[-1]
    assert f"{forged['transaction_id']}: {name} is 17.5; " in result.stdout
    assert "NOT equal" in result.stdout


def test_all_workers_killed_twice(connection, payments, model, expected):
    with (
        run_scorer(connection, workers=2) as system,
        run_replay(connection, payments) as replay,
    ):
        for share in (5, 3):
            read_all(connection, topics.PREDICTIONS, COUNT // share)
            assert_running(replay)
            system.kill(system.pids())
        replay.communicate(timeout=120)
        assert_as_in_one_pass(connection, model, expected)
        assert_features_follow(connection)
