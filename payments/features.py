"""What the model sees of a transaction: V1..V28 and Amount, each rounded once to a float32 (IEEE 754, half to even).

One meaning in two forms: `matrix` for many rows at once (training, and `matrix_of` for the API), `pack` for the stream, which writes each row
to its place in one buffer while it decodes. Both give the same bits for the same numbers; a property test holds them to it.
"""

import struct
from collections.abc import Iterable
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from payments.contract import FLOAT32_OVERFLOW, INPUTS
from payments.errors import InputError

pack = struct.Struct(f"<{len(INPUTS)}f").pack_into
"""pack(buffer, at, *numbers) writes one row of finite numbers, in the order of `INPUTS`, at byte `at`. OverflowError beyond float32."""

_inputs = attrgetter(*INPUTS)


def matrix(values: ArrayLike) -> NDArray[np.float32]:
    """n rows of 29 numbers in the order of `INPUTS` to the float32[n, 29] that the model reads; n may be 0.

    Raises InputError for rows of another length, and for NaN, infinity or a number beyond float32: XGBoost would take NaN for missing.
    """
    numbers = np.asarray(values, np.float64)
    if numbers.size == 0:
        return np.empty((0, len(INPUTS)), np.float32)
    if numbers.ndim != 2 or numbers.shape[1] != len(INPUTS):
        raise InputError(
            f"rows of {len(INPUTS)} numbers are needed (V1..V28, Amount), not an array of shape {numbers.shape}"
        )
    bad = np.argwhere(~(np.abs(numbers) < FLOAT32_OVERFLOW))
    if len(bad):
        row, column = bad[0]
        raise InputError(
            f"row {row}: {INPUTS[column]} is {numbers[row, column]}, which does not fit a float32"
        )
    return numbers.astype(np.float32)


def matrix_of(transactions: Iterable[Any]) -> NDArray[np.float32]:
    """float32[n, 29] of n valid transactions: objects of `payments.contract.Transaction`, or records of `payments.records`. Raises InputError."""
    return matrix([_inputs(transaction) for transaction in transactions])
