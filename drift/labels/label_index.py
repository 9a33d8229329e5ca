"""Labels of one stretch of time, by payment: a hash table whose columns hold the numbers themselves.

A dict of Python's integers takes four times as much. The index is that of a dict: a row's number by the low bits of its key, in the next
slot where that one is taken.
"""

from array import array
from collections.abc import Sequence
from itertools import repeat

_LEAST = 16  # slots, a power of two
_AGAIN = 16
"""Rows of one key at most: whoever labels a payment again and again makes no lookup slow."""


class Stretch:
    """A row is a key, when the label arrived, and what it says. Keys are spread evenly and fit 63 bits, as the other numbers do."""

    def __init__(self, begin_ms: int) -> None:
        self.begin_ms = begin_ms
        self._keys, self._arrived, self._labels = array("q"), array("q"), array("q")
        self._index = _slots(_LEAST)

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, key: int) -> Sequence[tuple[int, int]]:
        """When each of its labels arrived, and what it says."""
        index = self._index
        last = len(index) - 1
        slot = key & last
        if (row := index[slot]) < 0:
            return ()
        keys, found = self._keys, []
        while row >= 0:
            if keys[row] == key:
                found.append((self._arrived[row], self._labels[row]))
            slot = slot + 1 & last
            row = index[slot]
        return found

    def put(self, key: int, arrived_ms: int, label: int) -> bool:
        """Whether there is a row more: of one key with too many, the last gives way."""
        index, keys, last = self._index, self._keys, len(self._index) - 1
        slot, again = key & last, 1
        while (row := index[slot]) >= 0:
            if keys[row] == key:
                if again == _AGAIN:
                    self._arrived[row], self._labels[row] = arrived_ms, label
                    return False
                again += 1
            slot = slot + 1 & last
        index[slot] = len(keys)
        keys.append(key)
        self._arrived.append(arrived_ms)
        self._labels.append(label)
        if 2 * len(keys) > len(index):
            self._grow()
        return True

    def _grow(self) -> None:
        self._index = index = _slots(2 * len(self._index))
        last = len(index) - 1
        for row, key in enumerate(self._keys):
            slot = key & last
            while index[slot] >= 0:
                slot = slot + 1 & last
            index[slot] = row


def _slots(count: int) -> "array[int]":
    """So many empty ones."""
    return array("i", repeat(-1, count))
