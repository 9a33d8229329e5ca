"""Alerts and labels about them, as the alert store keeps them."""

import json
from datetime import UTC, datetime, timedelta

import msgspec

from payments.records import AlertRecord, LabelRecord

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)
LATER_MS = NOON_MS + 60_000


def make_alert(name="t", seconds=0, **changes):
    fields = {
        "transaction_id": name,
        "event_time": "2013-09-01T00:00:07Z",
        "scored_at": (NOON + timedelta(seconds=seconds)).isoformat(),
        "probability": 0.5,
        "margin": 0.0,
        "decision": "review",
        "thresholds": {"review": 0.1, "block": 0.9},
        "amount": 100.0,
        "expected_loss": 50.0,
        "model_version": "v1",
        "base": -6.0,
        "reasons": [],
        "rest": 6.0,
        "transaction": {"account_id": "acc-1"},
    }
    return msgspec.json.decode(json.dumps(fields | changes).encode(), type=AlertRecord)


def make_label(name="t", seconds=0, is_fraud=True, source="analyst", account_id=None):
    return LabelRecord(
        transaction_id=name,
        account_id=account_id,
        is_fraud=is_fraud,
        labelled_at=NOON + timedelta(seconds=seconds),
        source=source,
        labelled_by="ana",
    )
