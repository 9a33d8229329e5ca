"""Training, stream and API give the model the same bits."""

import json
import struct

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.data.transactions import (
    DECODER,
    ENCODER,
    Transaction,
    encode_rows,
    make_transaction,
    make_transaction_bytes,
    matrix_of,
)

from model import dataset
from payments.contract import COMPONENTS, FLOAT32_OVERFLOW, INPUTS
from payments.errors import InputError

LARGEST = float(np.nextafter(FLOAT32_OVERFLOW, 0))
NUMBERS = st.floats(-LARGEST, LARGEST) | st.sampled_from(
    [0.0, -0.0, LARGEST, -LARGEST, 5e-324, 2.0**-149, 2.0**-150, 1 + 2.0**-24, 0.1]
)
ROWS = st.lists(
    st.lists(NUMBERS, min_size=len(INPUTS), max_size=len(INPUTS)), min_size=1, max_size=5
)


def streamed(values):
    """The stream's path: bytes, decoded and packed one by one."""
    rows = bytearray(len(values) * ENCODER.row_bytes)
    for number, value in enumerate(values):
        DECODER.decode(value, rows, number)
    return bytes(rows)


def as_json(row):
    return json.dumps(make_transaction(0) | dict(zip(INPUTS, row, strict=True))).encode()


@given(rows=ROWS.map(lambda rows: [[*row[:-1], abs(row[-1])] for row in rows]))
def test_training_stream_and_api_give_the_same_bits(rows):
    trained = dataset.make_matrix(
        pd.DataFrame(rows, columns=list(INPUTS))[list(reversed(INPUTS))], ENCODER
    )
    values = [as_json(row) for row in rows]
    served = matrix_of(Transaction.model_validate_json(value) for value in values)
    assert trained.tobytes() == streamed(values) == served.tobytes()
    assert trained.shape == served.shape == (len(rows), 29)


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_both_forms_refuse_the_same_numbers(number):
    row, buffer = [number] * len(INPUTS), bytearray(ENCODER.row_bytes)
    try:
        ENCODER.pack(buffer, 0, row)
    except OverflowError:
        with pytest.raises(InputError):
            encode_rows([row])
    else:
        assert encode_rows([row]).tobytes() == bytes(buffer) == struct.pack("<f", number) * 29


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, FLOAT32_OVERFLOW])
def test_values_that_are_not_finite_are_named_and_refused(bad):
    rows = np.zeros((3, 29))
    rows[1, 4] = bad
    with pytest.raises(InputError, match="row 1: V5 is"):
        encode_rows(rows)


def test_no_rows_are_a_matrix_without_rows():
    assert encode_rows(np.empty((0, 29))).shape == (0, 29)


def test_the_row_of_a_decoded_transaction_is_that_of_its_values():
    value = make_transaction_bytes(3)
    sent, row = DECODER.decode_one(value)
    assert encode_rows([sent.values]).tobytes() == row.tobytes() == streamed([value])
    assert row[0, COMPONENTS.index("V7")] == np.float32(make_transaction(3)["V7"])
