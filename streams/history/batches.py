"""What goes into the history and comes out of it, a batch at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from payments.arrays import Floats, Ints, Singles
from streams.history.block import Block


class Payments(NamedTuple):
    """The valid payments of a batch in any order, as arrays of one length.

    `times`: event times in ms since 1970. `amounts`: in major units. `values`: those of each field
    that the history reads.
    """

    partitions: Ints
    offsets: Ints
    times: Ints
    amounts: Floats
    values: Mapping[str, list[str | None]]


class Mark(NamedTuple):
    """How far a partition of `transactions` is applied.

    `next`: the next offset. `newest`: the newest event time. `written`: when the last block was
    made. Times are in ms since 1970.
    """

    next: int
    newest: int
    written: int


@dataclass(eq=False)
class Entry:
    """A batch of this worker (without a block), or a block that was read.

    `before`: the marks of its partitions before it. `rows`: its payments. `is_stored`: whether the
    engine has it. `fits`: whether it follows what was applied; one that does not has to be undone,
    or is an error. The thread that commits sets `committed`.
    """

    before: dict[int, Mark | None]
    rows: int
    block: Block | None = None
    is_stored: bool = True
    fits: bool = True
    committed: bool = False


class Applied(NamedTuple):
    """What a batch gives: float32[n, features] in the order of its payments, and its blocks."""

    features: Singles
    blocks: list[Block]
    entry: Entry


class Rebuilt(NamedTuple):
    """The payments of a batch: int64[n] source partitions and offsets, float32[n, features]."""

    partitions: Ints
    offsets: Ints
    features: Singles
