"""The messages as JSON Schemas and one example of each, from the declarations in `payments.contract`, `drift.events` and `streams.kafka.codec`."""

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
from payments import contract, records
from streams.kafka import codec

DRAFT = "https://json-schema.org/draft/2020-12/schema"
SENT = datetime(2013, 9, 1, 12, 30, tzinfo=UTC)
SCORED = SENT + timedelta(milliseconds=12)
MODEL = "0123456789ab"
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
    "contract.version": {"type": "string", "const": contract.CONTRACT_VERSION},
    "source.topic": {"type": "string"},
    "source.partition": _DIGITS,
    "source.offset": _DIGITS,
    "error.kind": {"type": "string", "enum": list(records.DEAD_LETTER_KINDS)},
    "error.detail": {
        "type": "string",
        "description": f"at most {codec.MAX_DETAIL_BYTES} bytes of UTF-8",
    },
    "failed.at": {"type": "string", "format": "date-time"},
}


def schemas() -> dict[str, dict[str, Any]]:
    """By message: what it holds. A header's value is text in UTF-8."""
    declared: dict[str, type[BaseModel]] = {
        "transaction": contract.Transaction,
        "prediction": contract.Prediction,
        "alert": contract.Alert,
        "label": contract.Label,
    }
    found = {name: model.model_json_schema() for name, model in declared.items()}
    found["drift-event"] = msgspec.json.schema(
        events.WindowClosed | events.WindowLabelled | events.SeverityChanged
    )
    for event in found["drift-event"]["$defs"].values():
        event["description"] = inspect.cleandoc(
            event["description"]
        )  # as Python has docstrings from 3.13 on
    del found["drift-event"][
        "discriminator"
    ]  # OpenAPI's form of it, which AsyncAPI refuses; `kind` tells them apart anyway
    own, source, dead = headers()
    for name, written in {
        "own-headers": own,
        "source-headers": source,
        "dead-letter-headers": dead,
    }.items():
        found[name] = {
            "type": "object",
            "properties": {key: _HEADERS[key] for key in written},
            "required": list(written),
        }
    return {name: {"$schema": DRAFT, **schema} for name, schema in found.items()}


def headers() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Examples: of a message without a source record, of a prediction or an alert, of a dead letter."""
    dead = codec.dead_letter_headers(
        "transactions", 3, 41, "invalid_transaction", "Object missing required field `V3`", SCORED
    )
    written = (codec.own_headers(), codec.source_headers("transactions", 3, 41), dead)
    own, source, refused = ({key: value.decode() for key, value in one.items()} for one in written)
    return own, source, refused


def examples() -> dict[str, bytes]:
    """By message: one as it stands on its topic, written by what writes it there."""
    transaction = json.dumps(TRANSACTION).encode()
    label = {
        "account_id": "account-7",
        "is_fraud": True,
        "labelled_at": SENT + timedelta(days=1),
        "source": "analyst",
        "labelled_by": "Ana",
    }
    written = {
        "prediction": records.PredictionRecord(**_scored(transaction)),
        "alert": records.AlertRecord(**_scored(transaction), **_explained()),
        "label": records.LabelRecord(transaction_id="t-1", **label),
        "drift-event": _window(),
        "drift-event-labels": events.WindowLabelled(
            window=7,
            judged_at=SENT + timedelta(days=1),
            horizon_seconds=86400,
            quality=_quality(),
            frauds_rose=False,
        ),
        "drift-event-severity": events.severity_change(_window(), "ok"),
    }
    own, source, dead = headers()
    plain = {"own-headers": own, "source-headers": source, "dead-letter-headers": dead}
    return {"transaction": transaction} | {
        name: msgspec.json.encode(value) for name, value in (written | plain).items()
    }


def _scored(transaction: bytes) -> dict[str, Any]:
    probability = round(1 / (1 + math.exp(-_explained()["margin"])), 6)
    decision = {
        "probability": probability,
        "decision": "block",
        "model_version": MODEL,
        "transaction": msgspec.Raw(transaction),
    }
    return {"transaction_id": "t-1", "event_time": SENT, "scored_at": SCORED} | decision


def _explained() -> dict[str, Any]:
    base, rest = -7.25, 0.5
    pushes = {
        "V14": (-9.0, (-1.75, 1.5), 4.5),
        "V4": (6.0, (-2.75, 3.5), 2.25),
        "V12": (-9.0, (-2.25, 1.75), 2.0),
    }
    reasons = [
        records.ReasonRecord(feature=name, value=value, usual=usual, contribution=push)
        for name, (value, usual, push) in pushes.items()
    ]
    margin = base + sum(push for _, _, push in pushes.values()) + rest
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


def _window() -> events.WindowClosed:
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
        begin=SENT - timedelta(seconds=50),
        end=SENT,
        top=[Ranked("V4", 2.0, 0.125)],
        alerts=AlertRate(count=5, per_day=8640.0, low=2805.5, high=20162.0, usual_per_day=6048.0),
        severity="warn",
    )


def _quality() -> Quality:
    return Quality(
        approve=Outcomes(payments=4990, fraud=2, legitimate=4900),
        review=Outcomes(payments=6, analyst_fraud=4, analyst_legitimate=1),
        block=Outcomes(payments=4),
    )
