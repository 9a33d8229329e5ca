"""What holds for any bytes that are decoded: they give a transaction that every reader understands alike, or a dead letter's reason."""

import json

import msgspec
import numpy as np

from payments.contract import INPUTS, Transaction
from payments.records import DEAD_LETTER_KINDS, ROW_BYTES, InvalidTransactionError, decode

FIELDS = {
    "transaction_id": "a-1",
    "event_time": "2013-09-01T00:00:00Z",
    **dict.fromkeys(INPUTS, 0.5),
}


def sound(value: bytes) -> str:
    """Decodes, and holds whatever is accepted against json and pydantic, which read the same bytes; rows are float32 of what was sent.

    "accepted", or the kind of the dead letter.
    """
    row = bytearray(ROW_BYTES)
    try:
        record = decode(value, row, 0)
    except InvalidTransactionError as error:
        assert error.kind in DEAD_LETTER_KINDS
        return error.kind
    document = json.loads(value)
    assert document["transaction_id"] == record.transaction_id
    model = Transaction.model_validate_json(value)
    assert model.model_dump() == msgspec.structs.asdict(record)
    packed = np.frombuffer(row, np.float32)
    assert np.isfinite(packed).all()
    assert (packed == np.array([float(document[name]) for name in INPUTS]).astype(np.float32)).all()
    record.transaction_id.encode()
    (record.account_id or "").encode()
    return "accepted"
