"""Payments of a team's own schema: their names, categories, an optional number and a calendar."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from payments.schema.reading import parse_schema

SCHEMA_TEXT = """
name = "own"

[roles]
id = "id"
time = "time"
key = "card"
amount = "amount"
label = "fraud"

[fields]
id = { type = "id", file = "payment ref" }
time = { type = "time", file = "booked at" }
card = { type = "entity", path = "card.number" }
amount = { type = "amount", file = "value" }
country = { type = "category", values = "learned", most = 5, name = "country of the merchant" }
channel = { type = "category", values = ["chip", "ecom", "atm"], optional = true }
card_age = { type = "number", optional = true, path = "card.age", name = "days since its issue" }
present = { type = "boolean" }

[features]
numbers = ["amount", "card_age", "present"]
categories = ["country", "channel"]
calendar = ["hour", "weekday", "weekend", "night"]
timezone = "Europe/Brussels"
"""
SCHEMA = parse_schema(SCHEMA_TEXT, "own.toml", Path())
COUNTRIES = ["BE", "FR", "NL", "DE", "NG", "US"]


def make_rows(count: int = 4000, seed: int = 5) -> pd.DataFrame:
    """Return rows of a file, in time order; frauds are expensive, at night and from NG."""
    random = np.random.default_rng(seed)
    seconds = np.sort(random.uniform(0, 20 * 86_400, count))
    times = pd.Timestamp("2026-03-20", tz="UTC") + pd.to_timedelta(seconds.round(3), unit="s")
    fraud = random.random(count) < 0.02
    country = random.choice(COUNTRIES, count, p=[0.5, 0.2, 0.15, 0.1, 0.03, 0.02])
    amount = np.exp(random.normal(3 + 2 * fraud, 0.8))
    return pd.DataFrame(
        {
            "payment ref": [f"p{number}" for number in range(count)],
            "booked at": [time.isoformat(timespec="milliseconds") for time in times],
            "card.number": [f"c{card}" for card in random.integers(0, 200, count)],
            "value": amount.round(2),
            "country": np.where(fraud & (random.random(count) < 0.7), "NG", country),
            "channel": random.choice(["chip", "ecom", ""], count, p=[0.5, 0.4, 0.1]),
            "card.age": np.where(np.arange(count) % 5, random.integers(1, 999, count), np.nan),
            "present": random.choice(["yes", "no"], count),
            "fraud": fraud.astype(int),
        }
    )


def write_file(path: Path, rows: pd.DataFrame) -> Path:
    """Write rows as a CSV."""
    rows.to_csv(path, index=False)
    return path


def make_transaction(row: "pd.Series[object]") -> bytes:
    """Return the JSON transaction of a row of a file."""
    card = {"number": row["card.number"]}
    if not np.isnan(row["card.age"]):
        card["age"] = row["card.age"]
    fields = {
        "id": row["payment ref"],
        "time": row["booked at"],
        "card": card,
        "amount": row["value"],
        "country": row["country"],
        "channel": row["channel"] or None,
        "present": row["present"] == "yes",
    }
    return json.dumps(fields).encode()
