"""`fraud serve` on a real Kafka: the stream's scores, and confirmation of what is published."""

import os
import re
import sys
from pathlib import Path

import msgspec
import pytest
from support.api_process import run_api
from support.commands import run
from support.data.transactions import make_transaction_bytes
from support.fakes import NOW, FakeRecord
from support.topic_reader import read_all

from model.split import split
from payments.schema.reading import read_schema
from producer import rows
from streams.kafka.connection import Connection
from streams.scorer.batch import Batch
from streams.scorer.scoring import Scorer

KEY = "of the tests"
COUNT = 400
# Examples for each operation and kind of wrong value, and seconds for all of them. A thorough run
# is started by hand with FRAUD_TESTS=long.
LONG = os.environ.get("FRAUD_TESTS") == "long"
EXAMPLES = "200" if LONG else "15"
AT_MOST_S = 3_000 if LONG else 200


@pytest.fixture(scope="module")
def api(module_connection, model):
    """A client with the API key of a server that requires it."""
    with run_api(
        module_connection, FRAUD_MODEL_DIR=str(model.directory), FRAUD_API_KEY=KEY
    ) as client:
        yield client


@pytest.fixture(scope="module")
def values(creditcard, creditcard_rows):
    """Transactions of the test part as they stand on the bus: the first of them, and all frauds."""
    test = split(len(creditcard_rows)).test
    found = rows.read(
        rows.Selection(
            creditcard,
            read_schema("creditcard"),
            first=test.start,
            limit=test.stop - test.start,
        ),
        "run",
    )
    return [
        rows.encode_transaction(row)
        for row in found
        if row.number < test.start + COUNT or row.is_fraud
    ]


def test_predict_answers_bit_for_bit_as_the_stream(api, model, values):
    records = [FakeRecord(value, offset) for offset, value in enumerate(values)]
    outputs = Scorer(model, lambda: NOW).score(Batch(0, 0, records)).outputs
    decoded = [(output.topic, msgspec.json.decode(output.value)) for output in outputs]
    alerts = {alert["transaction_id"]: alert for topic, alert in decoded if topic == "alerts"}
    predictions = [prediction for topic, prediction in decoded if topic == "predictions"]
    assert 10 < len(alerts) < COUNT
    for value, prediction in zip(values, predictions, strict=True):
        answer = api.post("/predict", content=value).json()
        alert = alerts.get(prediction["transaction_id"], {"reasons": []})
        assert answer == {
            "prediction": int(prediction["decision"] != "approve"),
            "probability": prediction["probability"],
            "threshold": model.thresholds.review,
            "decision": prediction["decision"],
            "model_version": model.version,
            "reasons": alert["reasons"],
        }


def test_202_means_that_the_transaction_is_on_the_topic(api, module_connection):
    value = b" " + make_transaction_bytes(1, account_id="konto-ä", other=[1])
    answer = api.post("/transactions", content=value)
    assert (answer.status_code, answer.json()) == (202, {"transaction_id": "t-1"})
    (message,) = read_all(module_connection, "transactions", 1)
    assert (message.value(), message.key()) == (value, "konto-ä".encode())
    assert message.headers() is None


def test_without_a_broker_it_scores_and_reports_the_outage(model):
    server = run_api(
        Connection("127.0.0.1:9"), "--rate-limit", "4/day", FRAUD_MODEL_DIR=str(model.directory)
    )
    with server as client:
        assert client.post("/predict", content=make_transaction_bytes(1)).status_code == 200
        answer = client.post("/transactions", content=make_transaction_bytes(1))
        assert answer.status_code == 503
        assert answer.json()["detail"].startswith("not confirmed: ")
        ready = client.get("/ready")
        assert (ready.status_code, ready.json()["kafka"]) == (503, False)
        # A client that names another address in a header is still the same client.
        forged = [
            client.get("/", headers={"X-Forwarded-For": f"192.0.2.{number}"}).status_code
            for number in range(3)
        ]
        assert forged == [200, 200, 429]


@pytest.mark.timeout(AT_MOST_S + 40)
def test_schemathesis_finds_nothing(api, tmp_path):
    assert api.get("/ready").json()["status"] == "ready"
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("run", f"{api.base_url}/openapi.json", "--checks", "all", "--seed", "1"),
        *("--max-examples", EXAMPLES, "--header", f"X-API-Key: {KEY}"),
        *("--no-color", "--continue-on-failure"),
        # The stream never ends; tests/unit/api/test_alerts.py tests its parameters.
        *("--exclude-path", "/alerts/stream"),
    ]
    done = run(command, cwd=tmp_path, timeout=AT_MOST_S)
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) generated", done.stdout)[1]) > 500
