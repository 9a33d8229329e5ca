"""The model's inputs from a transaction: V1..V28 and Amount.

Each number is rounded once to a float32 (IEEE 754, half to even). `pack_rows` converts many rows at
once, for training and the API. `pack` is for the stream, which writes each row into one buffer
while decoding. Both give the same bits for the same numbers; a property test compares them.
"""

import struct

import numpy as np
from numpy.typing import ArrayLike

from payments.arrays import Singles
from payments.contract import FLOAT32_OVERFLOW, INPUTS
from payments.errors import InputError

pack = struct.Struct(f"<{len(INPUTS)}f").pack_into
"""pack(buffer, at, *numbers): write one row of finite numbers at byte `at`.

The numbers are in the order of `INPUTS`. Raises OverflowError for a number beyond float32.
"""


def pack_rows(values: ArrayLike) -> Singles:
    """Return float32[n, 29] of n >= 0 rows of 29 numbers in the order of `INPUTS`.

    Raises InputError for rows of another length, and for NaN, infinity or a number beyond float32:
    XGBoost would treat NaN as missing.
    """
    numbers = np.asarray(values, np.float64)
    if numbers.size == 0:
        return np.empty((0, len(INPUTS)), np.float32)
    if numbers.ndim != 2 or numbers.shape[1] != len(INPUTS):
        raise InputError(
            f"expected rows of {len(INPUTS)} numbers (V1..V28, Amount), "
            f"got an array of shape {numbers.shape}"
        )
    bad = np.argwhere(~(np.abs(numbers) < FLOAT32_OVERFLOW))
    if len(bad):
        row, column = bad[0]
        raise InputError(
            f"row {row}: {INPUTS[column]} is {numbers[row, column]}, which does not fit a float32"
        )
    return numbers.astype(np.float32)
