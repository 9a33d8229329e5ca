"""Faust as in its documentation: an agent on the topic, Records, `topic.send`. At least once."""

import sys
from datetime import UTC, datetime
from typing import Optional

import faust
import numpy as np

from benchmarks.peers.common import PeerScorer, PeerSettings
from model.artefact import Model, compute_probabilities, decide
from payments.contract import CONTRACT_VERSION, INPUTS
from payments.schema.reading import DEFAULT, read_schema

settings = PeerSettings.from_environment("faust")
model = Model.load(settings.model, read_schema(DEFAULT))
scorer = PeerScorer(model)


class Transaction(faust.Record, serializer="json", include_metadata=False):
    """A record of `transactions`."""

    transaction_id: str
    event_time: str
    V1: float
    V2: float
    V3: float
    V4: float
    V5: float
    V6: float
    V7: float
    V8: float
    V9: float
    V10: float
    V11: float
    V12: float
    V13: float
    V14: float
    V15: float
    V16: float
    V17: float
    V18: float
    V19: float
    V20: float
    V21: float
    V22: float
    V23: float
    V24: float
    V25: float
    V26: float
    V27: float
    V28: float
    Amount: float
    account_id: Optional[str] = None  # noqa: UP045 - Faust reads the annotation


class Source(faust.Record, serializer="json", include_metadata=False):
    """The position of a transaction."""

    partition: int
    offset: int


class Prediction(faust.Record, serializer="json", include_metadata=False):
    """A record of `predictions`."""

    contract: int
    transaction_id: str
    event_time: str
    scored_at: str
    probability: float
    decision: str
    decided_by: str
    model_version: str
    schema: str
    source: Source
    transaction: Transaction


app = faust.App(
    settings.group,
    broker=f"kafka://{settings.servers}",
    datadir=sys.argv.pop(1),
    web_enabled=False,
    topic_disable_leader=True,
    topic_allow_declare=False,
    consumer_auto_offset_reset="earliest",
    stream_wait_empty=False,
    producer_linger=0.005,  # seconds: larger batches for the broker
    producer_max_batch_size=1_000_000,
)
transactions = app.topic(settings.transactions, value_type=Transaction, key_type=bytes)
predictions = app.topic(settings.predictions, value_type=Prediction, key_type=bytes)
alerts = app.topic(settings.alerts, value_serializer="raw", key_type=bytes)


@app.agent(transactions)
async def score(stream: faust.StreamT) -> None:
    """Send a prediction for each transaction, and an alert unless it is approved."""
    async for event in stream.events():
        transaction = event.value
        message = event.message
        row = np.array([[getattr(transaction, name) for name in INPUTS]], np.float32)
        probability = compute_probabilities(model.compute_margins(row))
        decision = decide(probability, model.thresholds)[0]
        prediction = Prediction(
            contract=CONTRACT_VERSION,
            transaction_id=transaction.transaction_id,
            event_time=transaction.event_time,
            scored_at=datetime.now(UTC).isoformat(),
            probability=float(probability[0]),
            decision=decision,
            decided_by="model",
            model_version=model.version,
            schema=model.schema.reference,
            source=Source(partition=message.partition, offset=message.offset),
            transaction=transaction,
        )
        await predictions.send(key=message.key, value=prediction)
        if decision != "approve":  # one in a thousand: written by the same code as the other peers'
            position = (message.partition, message.offset)
            [scored] = scorer.score([message.value], [position])
            await alerts.send(key=message.key, value=scored.alert)


if __name__ == "__main__":
    faust.Worker(app, loglevel="WARNING", redirect_stdouts=False).execute_from_commandline()
