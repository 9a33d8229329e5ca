"""Check that decoded bytes give a transaction all readers agree on, or a dead letter's reason."""

import json
import re

import numpy as np

from payments.contract import INPUTS
from payments.decoder import DEAD_LETTER_KINDS, InvalidTransactionError
from support.data.transactions import DECODER, ENCODER, Transaction

_LEAP_SECOND = re.compile(r"(?<=:\d\d):60(\.\d+)?")
FIELDS = {
    "transaction_id": "a-1",
    "event_time": "2013-09-01T00:00:00Z",
    **dict.fromkeys(INPUTS, 0.5),
}


def check_decoding(value: bytes) -> str:
    """Decode and return "accepted", or the kind of the dead letter.

    Asserts that json and pydantic read an accepted value alike, and that its row holds the
    float32 of the numbers sent.
    """
    row = bytearray(ENCODER.row_bytes)
    try:
        record = DECODER.decode(value, row, 0)
    except InvalidTransactionError as error:
        assert error.kind in DEAD_LETTER_KINDS
        return error.kind
    document = json.loads(value)
    assert document["transaction_id"] == record.transaction_id
    time = document["event_time"]
    if _LEAP_SECOND.search(time):  # pydantic refuses them
        document["event_time"] = _LEAP_SECOND.sub(":59.999999", time)
        value = json.dumps(document).encode()
    model = Transaction.model_validate_json(value)
    assert tuple(model.model_dump().values()) == (
        record.transaction_id,
        record.event_time,
        *record.values,
        record.key,
    )
    packed = np.frombuffer(row, np.float32)
    assert np.isfinite(packed).all()
    assert (packed == np.array([float(document[name]) for name in INPUTS]).astype(np.float32)).all()
    record.transaction_id.encode()
    (record.key or "").encode()
    return "accepted"
