"""Columns of text made from numbers, a whole array at a time."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from payments.arrays import Flags, Ints
from producer.simulation.cards.numbers import Hashes

Bytes = NDArray[np.uint8]
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
_DECIMALS = np.frombuffer(b"0123456789", np.uint8)
# Coprime to every power of ten, so that no two numbers get the same digits.
_MULTIPLIER = 2_654_435_761
_ADDEND = 1_013_904_223
_TIME = "0000-00-00T00:00:00.000Z"


class Ids(NamedTuple):
    """Ids of numbers from 0: a prefix and digits that look random."""

    prefix: str
    digits: int

    def make(self, number: int) -> str:
        """Return the id of a number below 10 to the power of `digits`."""
        return f"{self.prefix}{self._scramble(number):0{self.digits}}"

    def parse(self, name: str) -> int:
        """Return the number of an id."""
        modulus: int = 10**self.digits
        scrambled = int(name.removeprefix(self.prefix))
        return (scrambled - _ADDEND) * pow(_MULTIPLIER, -1, modulus) % modulus

    def make_first(self, count: int) -> pa.Array:
        """Return the ids of the first `count` numbers."""
        numbers = self._scramble(np.arange(count))
        places = 10 ** np.arange(self.digits - 1, -1, -1)
        return _join(self.prefix, _DECIMALS[numbers[:, None] // places % 10])

    def _scramble(self, number: Any) -> Any:
        return (number * _MULTIPLIER + _ADDEND) % 10**self.digits


ACCOUNTS = Ids("acc-", 10)
MERCHANTS = Ids("mer-", 8)
TERMINALS = Ids("ter-", 8)


def name_hashes(prefix: str, hashes: Hashes, digits: int) -> pa.Array:
    """Return the prefix and the last hexadecimal digits of each hash."""
    shifts = np.arange(4 * digits - 4, -1, -4, dtype=np.uint64)
    return _join(prefix, _HEX[(hashes[:, None] >> shifts & np.uint64(15)).astype(np.intp)])


def format_times(times: Ints) -> pa.Array:
    """Return RFC 3339 with milliseconds, in UTC. `times`: ms since 1970."""
    texts = pa.array(times).cast(pa.timestamp("ms")).cast(pa.string())
    width = len(_TIME) - 1  # Arrow writes no Z, and a space for the T
    digits = np.frombuffer(texts.buffers()[2], np.uint8, width * len(times))
    signs = np.full((len(times), len(_TIME)), ord("Z"), np.uint8)
    signs[:, :width] = digits.reshape(-1, width)
    signs[:, _TIME.index("T")] = ord("T")
    return _join("", signs)


def format_cents(cents: Ints, missing: Flags) -> pa.Array:
    """Return decimals with two digits after the point."""
    halves = np.stack([cents, cents >> 63], axis=1)  # 128 bits, the low half first
    amounts = pa.Array.from_buffers(pa.decimal128(18, 2), len(cents), [None, pa.py_buffer(halves)])
    return hide(amounts, missing)


def format_addresses(addresses: Ints) -> pa.Array:
    """Return dotted IPv4 addresses."""
    parts = (addresses[:, None] >> np.array([24, 16, 8, 0]) & 255).T
    octets = pa.array([str(octet) for octet in range(256)])
    return pc.binary_join_element_wise(*(octets.take(pa.array(part)) for part in parts), ".")


def hide(column: pa.Array, missing: Flags) -> pa.Array:
    """Return the column without the values that are missing."""
    return pc.if_else(pa.array(~missing), column, None)


def _join(prefix: str, signs: Bytes) -> pa.Array:
    """Return texts of one width: the prefix and each row of ASCII signs."""
    count = len(signs)
    start = np.broadcast_to(np.frombuffer(prefix.encode(), np.uint8), (count, len(prefix)))
    texts = np.hstack([start, signs])
    offsets = np.arange(count + 1, dtype=np.int32) * np.int32(texts.shape[1])
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(texts))
