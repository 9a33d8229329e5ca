"""The amount's distribution: common prices and, between them, means over many payments."""

import numpy as np

from payments.arrays import Floats
from producer.simulation.parameters import ATOM_ROWS, MIN_ROWS

# the highest knots: amounts that one in this many of the last block's rows exceeds
_TAIL = (2.0, 10.0, 100.0)


def fit_quantile_function(amounts: Floats) -> tuple[Floats, Floats]:
    """Return the quantile function as (levels in 0..1, amounts), both increasing.

    It steps at each amount that at least ATOM_ROWS rows share and passes through means of MIN_ROWS
    or more rows in between. Above the mean of the highest block it continues as an exponential
    distribution with the same mean.
    """
    values, counts = np.unique(amounts, return_counts=True)
    ends = np.cumsum(counts)
    knots: list[tuple[float, float]] = []
    begin = 0
    for atom in np.flatnonzero(counts >= ATOM_ROWS):
        start = int(ends[atom] - counts[atom])
        knots += _make_blocks(np.sort(amounts)[begin:start], begin)
        knots += [(start + 0.5, values[atom]), (ends[atom] - 0.5, values[atom])]
        begin = int(ends[atom])
    rest = np.sort(amounts)[begin:]
    knots += _make_blocks(rest[:-MIN_ROWS], begin) + _make_tail(rest, len(amounts))
    ranks, values = np.array(knots).T
    return ranks / len(amounts), np.maximum.accumulate(values)


def _make_blocks(values: Floats, begin: int) -> list[tuple[float, float]]:
    blocks = np.array_split(values, len(values) // MIN_ROWS) if len(values) >= MIN_ROWS else []
    starts = begin + np.cumsum([0, *map(len, blocks)])
    return [
        (start + len(block) / 2, float(block.mean()))
        for start, block in zip(starts, blocks, strict=False)
    ]


def _make_tail(rest: Floats, total: int) -> list[tuple[float, float]]:
    """Return the knots above the last block. `rest`: at least two blocks above the last price."""
    base = float(rest[-2 * MIN_ROWS : -MIN_ROWS].mean())
    excess = float(rest[-MIN_ROWS:].mean()) - base
    return [(total - MIN_ROWS / times, base + excess * float(np.log(times))) for times in _TAIL]
