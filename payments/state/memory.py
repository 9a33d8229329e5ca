"""Make and grow the memory of runs."""

from typing import Any

import numpy as np

from payments.arrays import Ints
from payments.state import kernels
from payments.state.kernels import HEAD, NO_TABLE, PAGE, SHARED, Memory

_TABLE = 1 << 10  # places at first
_SHARE = 16  # the pool grows by one part in so many, and a class is that much larger


def make_memory(width: int) -> Memory:
    """Return an empty memory for events of `width` words."""
    capacities = np.array(_list_capacities(width), np.int64)
    return Memory(
        pool=np.zeros(PAGE, np.int64),
        table=np.zeros(_TABLE, np.int64),
        chains=np.tile(np.array([-1, 0], np.int64), (len(capacities), 1)),
        capacities=capacities,
        totals=np.array([0, -1, 0], np.int64),
        width=width,
    )


def _list_capacities(width: int) -> list[int]:
    """Return how many events the runs of each class hold. Long ones have their own pages."""
    capacities = [1, 2]
    while capacities[-1] < 1 << 32:
        last = capacities[-1]
        is_shared = HEAD + last * width <= SHARED
        capacities.append(last + max(2, last // _SHARE) if is_shared else 2 * last)
    return capacities


def grow(memory: Memory, lacking: int) -> Memory:
    """Return the memory with what a kernel said is lacking.

    The pool grows in place: the system's allocator moves large blocks without copying them.
    """
    if lacking == NO_TABLE:
        table: Ints = np.zeros(2 * len(memory.table), np.int64)
        kernels.rehash(memory, table)
        return memory._replace(table=table)
    pool: Any = memory.pool
    pool.resize(len(pool) + max(lacking, len(pool) // _SHARE), refcheck=False)
    return memory


def count_bytes(memory: Memory) -> int:
    """Return the bytes of a memory, of which some may not be in use."""
    return memory.pool.nbytes + memory.table.nbytes


def count_entities(memory: Memory) -> int:
    """Return how many entities have events."""
    return int(memory.totals[kernels.ENTITIES])
