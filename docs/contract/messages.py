"""The messages as JSON Schemas, and an example of each.

They follow the declarations in `payments.contract`, `drift.events` and `streams.kafka.messages`.
"""

import inspect
import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from pydantic import BaseModel

from drift import events
from drift.detect.impact import AlertRate, Ranked
from drift.quality import Outcomes, Quality
from payments import contract, decoder, records
from payments.schema.reading import DEFAULT, read_schema
from payments.transaction import make_transaction_model
from streams.kafka import messages

DEAD_LETTER_HEADERS = "dead-letter-headers"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
SENT = datetime(2013, 9, 1, 12, 30, tzinfo=UTC)
SCORED = SENT + timedelta(milliseconds=12)
MODEL = "0123456789ab"
SCHEMA = read_schema(DEFAULT)
SOURCE: Any = records.SourceRecord(partition=3, offset=41)
FRAUD_LIKE = {"V3": -7.0, "V4": 6.0, "V10": -6.0, "V11": 5.0, "V12": -9.0, "V14": -9.0, "V17": -8.0}
COMPONENTS = dict.fromkeys(contract.COMPONENTS, 0.0) | FRAUD_LIKE
AMOUNT = 129.9
TRANSACTION = {
    "transaction_id": "t-1",
    "event_time": "2013-09-01T14:30:00+02:00",
    **COMPONENTS,
    "Amount": AMOUNT,
    "account_id": "account-7",
}

_DIGITS = {"type": "string", "pattern": "^[0-9]+$"}
_HEADERS: dict[str, dict[str, Any]] = {
    "contract.version": {"type": "string", "const": str(contract.CONTRACT_VERSION)},
    "source.topic": {"type": "string"},
    "source.partition": _DIGITS,
    "source.offset": _DIGITS,
    "error.kind": {"type": "string", "enum": list(decoder.DEAD_LETTER_KINDS)},
    "error.detail": {
        "type": "string",
        "description": f"at most {messages.MAX_DETAIL_BYTES} bytes of UTF-8",
    },
    "failed.at": {"type": "string", "format": "date-time"},
}


def make_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of each message, and of a dead letter's headers, UTF-8 text."""
    models: dict[str, type[BaseModel]] = {
        "transaction": make_transaction_model(SCHEMA),
        "prediction": contract.Prediction,
        "alert": contract.Alert,
        "label": contract.Label,
    }
    declared = {name: model.model_json_schema() for name, model in models.items()}
    declared["drift-event"] = msgspec.json.schema(
        events.WindowClosed | events.WindowLabelled | events.SeverityChanged
    )
    for event in declared["drift-event"]["$defs"].values():
        # Python 3.13 cleans docstrings itself
        event["description"] = inspect.cleandoc(event["description"])
    # OpenAPI's keyword, which AsyncAPI refuses; `kind` distinguishes the events anyway
    del declared["drift-event"]["discriminator"]
    declared[DEAD_LETTER_HEADERS] = {
        "type": "object",
        "properties": _HEADERS,
        "required": list(_HEADERS),
    }
    return {name: {"$schema": DRAFT, **schema} for name, schema in declared.items()}


def _make_example_headers() -> dict[str, str]:
    """Return the headers of a dead letter."""
    written = messages.make_dead_letter_headers(
        "transactions",
        SOURCE.partition,
        SOURCE.offset,
        "invalid_transaction",
        "Object missing required field `V3`",
        SCORED,
    )
    return {key: value.decode() for key, value in written.items()}


def make_examples() -> dict[str, bytes]:
    """Return an encoded example of each message, made by the code that writes it."""
    transaction = json.dumps(TRANSACTION).encode()
    label = {
        "entities": {"account_id": "account-7"},
        "event_time": TRANSACTION["event_time"],
        "is_fraud": True,
        "labelled_at": SENT + timedelta(days=1),
        "source": "analyst",
        "labelled_by": "Ana",
    }
    written = {
        "prediction": records.PredictionRecord(**_score(transaction)),
        "alert": records.AlertRecord(**_score(transaction), **_explain()),
        "label": records.LabelRecord(transaction_id="t-1", **label),
        "drift-event": _make_window(),
        "drift-event-labels": events.WindowLabelled(
            window=7,
            judged_at=SENT + timedelta(days=1),
            horizon_seconds=86400,
            quality=_make_quality(),
            frauds_rose=False,
        ),
        "drift-event-severity": events.compare_severity(_make_window(), "ok"),
        DEAD_LETTER_HEADERS: _make_example_headers(),
    }
    return {"transaction": transaction} | {
        name: msgspec.json.encode(value) for name, value in written.items()
    }


def _score(transaction: bytes) -> dict[str, Any]:
    probability = round(1 / (1 + math.exp(-_explain()["margin"])), 6)
    return {
        "contract": contract.CONTRACT_VERSION,
        "transaction_id": "t-1",
        "event_time": SENT,
        "scored_at": SCORED,
        "probability": probability,
        "decision": "block",
        "decided_by": "model",
        "model_version": MODEL,
        "schema_reference": SCHEMA.reference,
        "source": SOURCE,
        "transaction": msgspec.Raw(transaction),
    }


def _explain() -> dict[str, Any]:
    base = -7.25
    rest = 0.5
    contributions = {
        "V14": (-9.0, (-1.75, 1.5), 4.5),
        "V4": (6.0, (-2.75, 3.5), 2.25),
        "V12": (-9.0, (-2.25, 1.75), 2.0),
    }
    labels = {feature.name: feature.label for feature in SCHEMA.features}
    reasons = [
        records.ReasonRecord(
            feature=name,
            label=labels[name],
            value=value,
            usual=usual,
            contribution=contribution,
        )
        for name, (value, usual, contribution) in contributions.items()
    ]
    margin = base + sum(contribution for _, _, contribution in contributions.values()) + rest
    loss = round(AMOUNT / (1 + math.exp(-margin)), 4)
    thresholds = records.ThresholdsRecord(review=0.25, block=0.75)
    values = {
        "margin": margin,
        "thresholds": thresholds,
        "amount": AMOUNT,
        "expected_loss": loss,
        "base": base,
        "rest": rest,
    }
    return values | {"reasons": reasons}


def _make_window() -> events.WindowClosed:
    return events.WindowClosed(
        window=7,
        offsets={"0": (100, 2650), "1": (90, 2540)},
        events=5000,
        partial=False,
        score=1 / 30,
        detected=True,
        report="reports/window-000007.html",
        model_version=MODEL,
        closed_at=SCORED,
        distances=dict.fromkeys((*contract.INPUTS, "margin"), 0.0625) | {"V4": 2.0},
        from_reference=dict.fromkeys((*contract.INPUTS, "margin"), 0.125) | {"V4": 2.25},
        tail=0.25,
        limits=dict.fromkeys((*contract.INPUTS, "margin"), 0.5),
        stuck=dict.fromkeys((*contract.INPUTS, "margin"), 0.0),
        outliers={"Amount": 1},
        beyond_reference=("V4",),
        high_scores=0.75,
        shifted=("V4",),
        reference_severity="warn",
        topic_id="HT4BxhFMQZWPxTNIS9zLJA",
        begin=SENT - timedelta(seconds=50),
        end=SENT,
        top=[Ranked("V4", 2.0, 0.125)],
        alerts=AlertRate(count=5, per_day=8640.0, low=2805.5, high=20162.0, usual_per_day=6048.0),
        severity="warn",
    )


def _make_quality() -> Quality:
    return Quality(
        approve=Outcomes(payments=4990, fraud=2, legitimate=4900),
        review=Outcomes(payments=6, analyst_fraud=4, analyst_legitimate=1),
        block=Outcomes(payments=4),
    )
