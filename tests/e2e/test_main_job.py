"""The main job on a real Kafka: replay, score, and read the topics with a plain consumer."""

import json
import math
from collections import Counter

import msgspec
import numpy as np
import pandas as pd
import pytest
import xgboost
from support.commands import run_on
from support.data.transactions import make_transaction_bytes
from support.publishing import publish, send
from support.scorer_process import run_scorer
from support.topic_reader import read_all, read_json

from payments.contract import INPUTS
from streams.kafka import topics
from streams.kafka.messages import read_origin, read_source

FIRST = 227_845  # the last fifth of creditcard.csv
COUNT = 56_962


class Embedding(msgspec.Struct):
    transaction_id: str
    probability: float
    decision: str
    transaction: msgspec.Raw


def run_fraud(connection, *arguments):
    run = run_on(connection, *arguments)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def read_ledger(connection):
    return json.loads(run_fraud(connection, "ledger", "--json"))


@pytest.fixture(scope="module")
def job(module_connection, creditcard, model):
    """The test part, sent with labels at full speed and scored by two workers."""
    connection = module_connection
    rows = ["--data", str(creditcard), "--from", str(FIRST), "--rate", "0", "--run", "e2e"]
    with run_scorer(connection, workers=2):
        run_fraud(connection, "replay", *rows, "--labels", "--label-delay", "0s", "--quiet")
        predictions = read_all(connection, topics.PREDICTIONS, COUNT, timeout=120)
    sent = {
        (message.partition(), message.offset()): message.value()
        for message in read_all(connection, topics.TRANSACTIONS, COUNT)
    }
    return connection, sent, predictions


def test_every_transaction_has_exactly_one_prediction(job):
    _, sent, predictions = job
    assert len(sent) == COUNT
    counts = Counter(read_source(message) for message in predictions)
    assert counts == dict.fromkeys(sent, 1)


def test_the_transaction_is_embedded_byte_for_byte(job):
    _, sent, predictions = job
    for message in predictions:
        embedded = msgspec.json.decode(message.value(), type=Embedding).transaction
        assert bytes(embedded) == sent[read_source(message)]


def test_the_probability_is_the_logistic_function_of_the_boosters_margin(job, creditcard, model):
    _, _, predictions = job
    booster = xgboost.Booster(model_file=str(model.directory / "model.ubj"))
    rows = pd.read_csv(creditcard).iloc[FIRST:]
    matrix = xgboost.DMatrix(rows[list(INPUTS)])
    margins = booster.predict(matrix, output_margin=True).astype(np.float64)
    expected = {f"e2e-{FIRST + i}": 1 / (1 + math.exp(-margin)) for i, margin in enumerate(margins)}
    decoded = [msgspec.json.decode(message.value(), type=Embedding) for message in predictions]
    errors = (
        abs(prediction.probability - expected[prediction.transaction_id]) for prediction in decoded
    )
    assert max(errors) < 1e-6


def test_every_prediction_that_does_not_approve_has_an_alert_whose_reasons_add_up(job, model):
    connection, _, predictions = job
    decoded = [msgspec.json.decode(message.value(), type=Embedding) for message in predictions]
    suspicious = {
        prediction.transaction_id: prediction.decision
        for prediction in decoded
        if prediction.decision != "approve"
    }
    alerts = read_json(connection, topics.ALERTS, len(suspicious))
    assert len(alerts) == len(suspicious) > 0
    assert {alert["transaction_id"]: alert["decision"] for alert in alerts} == suspicious
    for alert in alerts:
        contributions = [reason["contribution"] for reason in alert["reasons"]]
        total = alert["base"] + sum(contributions) + alert["rest"]
        assert total == pytest.approx(alert["margin"], abs=1e-4)
        assert len(contributions) == 5
        assert contributions == sorted(contributions, reverse=True)
        assert alert["probability"] == pytest.approx(
            1 / (1 + math.exp(-alert["margin"])), abs=1e-12
        )
        assert alert["thresholds"] == {
            "review": model.thresholds.review,
            "block": model.thresholds.block,
        }


def test_only_labels_contain_the_true_class(job):
    connection, sent, predictions = job
    alerts = [message.value() for message in read_all(connection, topics.ALERTS, 1)]
    for value in [*sent.values(), *(message.value() for message in predictions), *alerts]:
        assert b"Class" not in value
        assert b"is_fraud" not in value
    labels = read_json(connection, topics.LABELS, COUNT)
    assert sum(label["is_fraud"] for label in labels) == 75


def test_the_ledger_agrees(job):
    result = read_ledger(job[0])
    assert (result["sent"], result["scored"]) == (COUNT, COUNT)
    for name in ("rejected", "lost", "duplicated", "resent", "out_of_order", "phantom"):
        assert result[name] == 0, name


BROKEN = {
    b"": "malformed_json",
    b"\x00\xff\xfe": "malformed_json",
    b"not json": "malformed_json",
    b"\xef\xbb\xbf" + make_transaction_bytes(1): "malformed_json",
    make_transaction_bytes(1)[:-20]: "malformed_json",
    make_transaction_bytes(1)[:-1] + b', "note": "\xff"}': "malformed_json",
    make_transaction_bytes(1)[:-1]
    + b', "note": '
    + b"[" * 5000
    + b"]" * 5000
    + b"}": "malformed_json",
    make_transaction_bytes(1, V3=math.nan): "malformed_json",
    make_transaction_bytes(1, V3=1e39): "invalid_transaction",
    make_transaction_bytes(1, V3="0.5"): "invalid_transaction",
    make_transaction_bytes(1, Amount=-1.0): "invalid_transaction",
    make_transaction_bytes(1, V28=None): "invalid_transaction",
    make_transaction_bytes(1, event_time="2013-09-01T00:00:00"): "invalid_transaction",
    make_transaction_bytes(1, transaction_id="x" * 129): "invalid_transaction",
    b"[]": "invalid_transaction",
    make_transaction_bytes(1, note="x" * 70_000): "too_large",
    None: "malformed_json",
}


def test_a_thousand_broken_messages_become_dead_letters_and_the_others_are_scored(
    connection, model
):
    valid = 5_000
    broken = 1_000
    kinds = list(BROKEN)
    values = [kinds[i % len(kinds)] for i in range(broken)]
    for part in range(5):
        send(connection, range(part * valid // 5, (part + 1) * valid // 5))
        publish(connection, topics.TRANSACTIONS, values[part::10], key=None)
        publish(connection, topics.TRANSACTIONS, values[part + 5 :: 10], key=b"\xff key")
    with run_scorer(connection, workers=2):
        predictions = read_all(connection, topics.PREDICTIONS, valid)
        dead = read_all(connection, topics.DEAD_LETTERS, broken)
    sent = {
        (message.partition(), message.offset()): message
        for message in read_all(connection, topics.TRANSACTIONS, valid + broken)
    }
    assert len(sent) == len(predictions) + len(dead) == valid + broken
    for message in dead:
        original = sent[read_origin(message.headers())]
        headers = dict(message.headers())
        assert message.value() == original.value()
        assert message.key() == original.key()
        assert headers["error.kind"].decode() == BROKEN[original.value()]
        assert headers["error.detail"].decode()
        assert headers["source.topic"].decode() == connection.qualify(topics.TRANSACTIONS)
        assert headers["contract.version"] == b"2"
        assert pd.Timestamp(headers["failed.at"].decode()).tzinfo is not None
    result = read_ledger(connection)
    assert (result["sent"], result["scored"]) == (valid + broken, valid)
    assert (result["rejected"], result["lost"]) == (broken, 0)
