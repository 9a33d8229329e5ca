"""The payments that the state reads, as columns."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from payments.arrays import Flags, Hashes, Ints


class Columns(NamedTuple):
    """Payments in the order in which they count, as arrays of one length.

    `times`: event times in ms since 1970. `amounts`: minor units, at most 2**46 either way.
    `hashes`: of the value of each field in `Engine.fields`, 0 where it is missing. `alone`: the
    payments that see only themselves and are not stored.
    """

    times: Ints
    amounts: Ints
    hashes: Mapping[str, Hashes]
    alone: Flags | None = None

    def take(self, rows: Ints | slice) -> "Columns":
        """Return some of the payments."""
        return Columns(
            self.times[rows],
            self.amounts[rows],
            {name: hashes[rows] for name, hashes in self.hashes.items()},
            None if self.alone is None else self.alone[rows],
        )


def check_columns(columns: Columns, fields: Iterable[str]) -> None:
    """Raise ValueError unless all arrays have one length, their type, and no gaps.

    The compiled loops check neither, and other types would be compiled for.
    """
    named: list[tuple[str, NDArray[Any], type[np.generic]]] = [
        ("times", columns.times, np.int64),
        ("amounts", columns.amounts, np.int64),
    ]
    named += [(name, columns.hashes[name], np.uint64) for name in fields]
    if columns.alone is not None:
        named.append(("alone", columns.alone, np.bool_))
    rows = len(columns.times)
    for name, array, kind in named:
        if array.dtype != kind or array.shape != (rows,) or not array.flags.c_contiguous:
            expected = f"a contiguous array of {rows} {np.dtype(kind)}"
            raise ValueError(f"{name}: expected {expected}, got {array.dtype}{array.shape}")
