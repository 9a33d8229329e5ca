"""Alerts and labels about them, as the alert store keeps them."""

import json
from datetime import UTC, datetime, timedelta

import msgspec

from payments.records import KeptAlertRecord, LabelRecord

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)
LATER_MS = NOON_MS + 60_000


_FIELDS = {
    "contract": 2,
    "transaction_id": "t",
    "event_time": "2013-09-01T00:00:07Z",
    "scored_at": NOON.isoformat(),
    "probability": 0.5,
    "decision": "review",
    "decided_by": "model",
    "model_version": "v1",
    "schema": "creditcard@0123456789ab",
    "source": {"partition": 0, "offset": 7},
    "margin": 0.0,
    "thresholds": {"review": 0.1, "block": 0.9},
    "amount": 100.0,
    "expected_loss": 50.0,
    "base": -6.0,
    "reasons": [],
    "rest": 6.0,
}


def make_reasons(*contributions):
    return [
        {
            "feature": f"V{n}",
            "label": f"component {n}",
            "value": -5.0,
            "usual": [-1.0, 1.0],
            "contribution": contribution,
        }
        for n, contribution in enumerate(contributions, 1)
    ]


def encode_alert(transaction, **changes):
    """Return an alert's bytes as the scorer writes them."""
    return json.dumps(_FIELDS | changes).encode()[:-1] + b', "transaction": ' + transaction + b"}"


def make_alert(name="t", seconds=0, transaction=None, **changes):
    own = {
        "transaction_id": name,
        "scored_at": (NOON + timedelta(seconds=seconds)).isoformat(),
    }
    sent = json.dumps({"account_id": "acc-1"} if transaction is None else transaction).encode()
    return msgspec.json.decode(encode_alert(sent, **(own | changes)), type=KeptAlertRecord)


def make_label(name="t", seconds=0, is_fraud=True, source="analyst", reason=None, **entities):
    """Return a label's bytes as they are on the topic."""
    label = LabelRecord(
        transaction_id=name,
        entities={name: value for name, value in entities.items() if value is not None},
        event_time=NOON,
        is_fraud=is_fraud,
        labelled_at=NOON + timedelta(seconds=seconds),
        source=source,
        reason=reason,
        labelled_by="ana",
    )
    return msgspec.json.encode(label)
