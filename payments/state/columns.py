"""The payments that the state reads, as columns."""

from collections.abc import Mapping
from typing import NamedTuple

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
