"""Payments of a shop, with a field of every kind, and a model's alert about one of them."""

import json
from pathlib import Path
from typing import Any

import msgspec

from payments.decoder import TransactionDecoder
from payments.features import FeatureEncoder
from payments.records import KeptAlertRecord
from payments.schema.reading import parse_schema
from support.data.alerts import encode_alert

SCHEMA = """
name = "shop"

[roles]
id = "payment_id"
time = "paid_at"
key = "card"
amount = "total"

[fields]
payment_id = { type = "id" }
paid_at = { type = "time", unit = "ms" }
card = { type = "entity", name = "card", path = "payer.card" }
country = { type = "category", name = "country", path = "payer.country", values = ["BE", "NG"], optional = true }
total = { type = "amount", name = "total", unit = "minor", decimals = 3 }
attempts = { type = "number", name = "attempts", optional = true }
new_device = { type = "boolean", name = "new device" }
ip = { type = "text", name = "IP address", path = "payer.ip", optional = true, secret = true }
note = { type = "text", name = "note", optional = true }

[features]
numbers = ["total", "attempts", "new_device"]
categories = ["country"]
calendar = ["hour", "weekday", "weekend"]
timezone = "Europe/Brussels"
"""  # noqa: E501 - a field is a line
SHOP = parse_schema(SCHEMA, "shop.toml", Path())
DECODER = TransactionDecoder(FeatureEncoder(SHOP, {"country": ("BE", "NG")}))
IP = "203.0.113.7"
SATURDAY_23_H = 1_767_477_600_000  # 2026-01-03T22:00:00Z
USUAL = {
    "total": (1.0, 120.5),
    "attempts": (0.0, 2.0),
    "new_device": (0.0, 0.0),
    "country": {"BE": 0.9, "NG": 0.021},
    "hour": (7.0, 22.0),
    "weekday": (0.0, 6.0),
    "weekend": (0.0, 1.0),
}


def make_payment(**changes: Any) -> dict[str, Any]:
    """Return a valid payment of a Saturday in the night; `payer` replaces its members."""
    payer = {"card": "card-7", "country": "NG", "ip": IP} | changes.pop("payer", {})
    return {
        "payment_id": "p-1",
        "paid_at": SATURDAY_23_H,
        "payer": payer,
        "total": 1_234_567,
        "new_device": True,
    } | changes


def encode_payment(**changes: Any) -> bytes:
    """Return `make_payment` as the JSON of a record's value."""
    return json.dumps(make_payment(**changes)).encode()


VALUES = {
    "country": "NG",
    "total": 1234.567,
    "new_device": 1.0,
    "hour": 23.0,
    "weekday": 5.0,
    "attempts": None,
    "weekend": 1.0,
}
"""The values of the payment's features, as an alert's reasons have them."""
LABELS = {feature.name: feature.label for feature in SHOP.features}
REASONS = [
    {
        "feature": feature,
        "label": LABELS[feature],
        "value": value,
        "usual": {"share": 0.021} if feature == "country" else USUAL[feature],
        "contribution": 3.0 - place,
    }
    for place, (feature, value) in enumerate(VALUES.items())
]


def encode_shop_alert(transaction: bytes | None = None, **changes: Any) -> bytes:
    """Return the bytes of an alert about the payment."""
    own = {
        "transaction_id": "p-1",
        "amount": 1234.567,
        "expected_loss": 617.283,
        "reasons": REASONS,
    }
    return encode_alert(transaction or encode_payment(), **(own | changes))


def make_shop_alert(**changes: Any) -> Any:
    """Return `encode_shop_alert` as a KeptAlertRecord."""
    return msgspec.json.decode(encode_shop_alert(**changes), type=KeptAlertRecord)
