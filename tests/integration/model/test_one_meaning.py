"""Training, stream and API give the same margins bit by bit, alone and in batches."""

import numpy as np
import pytest
from support.data.transactions import DECODER, ENCODER, Transaction, matrix_of

from model.dataset import make_matrix
from payments.schema.reading import read_schema
from producer import rows

COUNT = 2_048


@pytest.fixture(scope="module")
def values(creditcard, last_fifth):
    """Return transactions as on the topic."""
    first = int(last_fifth.index[0])
    return [
        rows.encode_transaction(row)
        for row in rows.read(
            rows.Selection(creditcard, read_schema("creditcard"), first=first, limit=COUNT), "run"
        )
    ]


def trained(values, last_fifth):
    return make_matrix(last_fifth.iloc[:COUNT], ENCODER)


def streamed(values, last_fifth):
    buffer = bytearray(len(values) * ENCODER.row_bytes)
    for number, value in enumerate(values):
        DECODER.decode(value, buffer, number)
    return np.frombuffer(buffer, np.float32).reshape(len(values), -1)


def served(values, last_fifth):
    return matrix_of(Transaction.model_validate_json(value) for value in values)


@pytest.fixture(scope="module")
def expected(model, last_fifth):
    """Return the margins of all rows at once, as in training."""
    return model.compute_margins(make_matrix(last_fifth.iloc[:COUNT], ENCODER))


@pytest.mark.parametrize("path", [trained, streamed, served])
@pytest.mark.parametrize("size", [1, 7, COUNT])
def test_margins_are_the_same_bits(model, values, last_fifth, expected, path, size):
    count = min(COUNT, 200 * size)  # one row alone costs a hundred times as much
    inputs = path(values, last_fifth)[:count]
    found = [model.compute_margins(inputs[first : first + size]) for first in range(0, count, size)]
    np.testing.assert_array_equal(
        np.concatenate(found).view(np.uint64), expected[:count].view(np.uint64)
    )
