"""Payments of a team with names of its own, made with NumPy alone."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet

SCHEMA = """
name = "own"

[roles]
id = "payment_id"
time = "paid_at"
key = "card"
amount = "amount"
label = "is_fraud"

[fields]
payment_id = { type = "id", file = "id" }
paid_at = { type = "time", file = "time" }
card = { type = "entity", path = "payer.card" }
merchant = { type = "entity", optional = true }
amount = { type = "amount" }
country = { type = "category", values = "learned", path = "payer.country", optional = true }
channel = { type = "category", values = ["web", "shop", "phone"] }
attempts = { type = "number", optional = true }
new_device = { type = "boolean", optional = true }

[features]
numbers = ["amount", "attempts", "new_device"]
categories = ["country", "channel"]
calendar = ["hour"]
"""


def make(count, seed=1):
    """Return the columns of `count` payments in the order of their time, with 2 in 100 frauds.

    Frauds are large, at night, and often from abroad.
    """
    random = np.random.default_rng(seed)
    fraud = random.random(count) < 0.02
    seconds = np.sort(random.integers(0, 14 * 86_400, count))
    seconds[fraud] -= seconds[fraud] % 86_400 - random.integers(0, 18_000, fraud.sum())
    order = np.argsort(seconds, kind="stable")
    begin = datetime(2026, 1, 5, tzinfo=UTC)
    amounts = np.exp(random.normal(3 + 1.5 * fraud, 1)).round(2)
    home = random.random(count) < np.where(fraud, 0.4, 0.9)
    columns = {
        "id": [f"p{number:06}" for number in range(count)],
        "time": [(begin + timedelta(seconds=int(seconds[i]))).isoformat() for i in order],
        "card": [f"card-{card}" for card in random.integers(0, count // 20 + 2, count)[order]],
        "merchant": [f"m{one}" if one else "" for one in random.integers(0, 200, count)[order]],
        "amount": [f"{amount:.2f}" for amount in amounts[order]],
        "country": np.where(home, "BE", random.choice(["FR", "US", "NG", ""], count))[order],
        "channel": random.choice(["web", "shop", "phone"], count)[order],
        "attempts": [str(1 + one) for one in random.poisson(0.2 + fraud)[order]],
        "new_device": np.where(random.random(count) < 0.1 + 0.5 * fraud, "yes", "no")[order],
        "is_fraud": ["1" if one else "0" for one in fraud[order]],
    }
    return {name: [str(cell) for cell in cells] for name, cells in columns.items()}


def flatten(columns):
    """Return the columns with the names that those of nested fields have in a CSV."""
    names = {"card": "payer.card", "country": "payer.country"}
    return {names.get(name, name): cells for name, cells in columns.items()}


def write_csv(path, columns, separator=","):
    """Write columns as a CSV, and return its path."""
    lines = [separator.join(columns), *map(separator.join, zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_json_lines(path, columns):
    """Write columns as JSON lines in the form of the stream, with empty cells absent."""
    with path.open("w", encoding="utf-8") as file:
        for cells in zip(*columns.values(), strict=True):
            row = {name: cell for name, cell in zip(columns, cells, strict=True) if cell}
            payer = {name: row.pop(name) for name in ("card", "country") if name in row}
            numbers = {name: float(row[name]) for name in ("amount", "attempts") if name in row}
            words = {"new_device": row["new_device"] == "yes", "is_fraud": row["is_fraud"] == "1"}
            file.write(json.dumps(row | {"payer": payer} | numbers | words) + "\n")
    return path


def write_parquet(path, columns):
    """Write columns with native types: timestamps, dictionaries, booleans, structs."""
    text = {name: pa.array([cell or None for cell in cells]) for name, cells in columns.items()}
    payer = pa.StructArray.from_arrays(
        [text["card"], text["country"].dictionary_encode()], ["card", "country"]
    )
    table = {
        "id": text["id"],
        "time": text["time"].cast(pa.timestamp("us", "UTC")),
        "payer": payer,
        "merchant": text["merchant"],
        "amount": text["amount"].cast(pa.decimal128(12, 2)),
        "channel": text["channel"].dictionary_encode(),
        "attempts": text["attempts"].cast(pa.int32()),
        "new_device": pa.array([cell == "yes" for cell in columns["new_device"]]),
        "is_fraud": text["is_fraud"].cast(pa.int8()),
    }
    pyarrow.parquet.write_table(pa.table(table), path)
    return path
