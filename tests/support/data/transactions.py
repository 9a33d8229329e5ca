"""Valid transactions."""

import json
from collections.abc import Iterable
from operator import attrgetter
from typing import Any

import numpy as np

from payments.arrays import Singles
from payments.contract import COMPONENTS, INPUTS
from payments.decoder import TransactionDecoder
from payments.features import FeatureEncoder
from payments.schema.reading import read_schema
from payments.transaction import make_transaction_model

CREDITCARD = read_schema("creditcard")
ENCODER = FeatureEncoder(CREDITCARD, {})
DECODER = TransactionDecoder(ENCODER)
Transaction = make_transaction_model(CREDITCARD)


def make_transaction(i: int, **changes: Any) -> dict[str, Any]:
    """Return a valid transaction, different for each `i`; a change to None removes the field."""
    values = {
        name: round(((i * 31 + n * 17) % 401 - 200) / 100, 2) for n, name in enumerate(COMPONENTS)
    }
    fields = {
        "transaction_id": f"t-{i}",
        "event_time": f"2013-09-01T{i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02}Z",
        **values,
        "Amount": i % 1000 + 0.5,
    } | changes
    return {name: value for name, value in fields.items() if value is not None}


def make_transaction_bytes(i: int, **changes: Any) -> bytes:
    """Return `make_transaction` as the JSON of a record's value."""
    return json.dumps(make_transaction(i, **changes)).encode()


def matrix_of(transactions: Iterable[Any]) -> Singles:
    """Return float32[n, 29] of n valid transactions, decoded in either way."""
    rows = [attrgetter(*INPUTS)(transaction) for transaction in transactions]
    return encode_rows(rows)


def encode_rows(rows: Any) -> Singles:
    """Return float32[n, 29] of n rows of 29 numbers, as training encodes those of a file."""
    columns = dict(zip(INPUTS, np.array(rows).reshape(-1, len(INPUTS)).T, strict=True))
    return np.column_stack([*ENCODER.encode_columns(columns).values()]).astype(np.float32)
