"""Labels by payment: a hash table with columns of plain numbers.

A dict of Python integers takes four times the memory. The index works as a dict's does: the low
bits of a key select a slot, which holds the number of the key's row; if the slot is taken, try the
next.
"""

from array import array
from collections.abc import Sequence
from itertools import repeat

_MIN_SLOTS = 16  # a power of two
_MAX_ROWS_PER_KEY = 16
"""Keeps lookups fast even if a payment is labelled again and again."""


class LabelIndex:
    """Rows of a key, the label's arrival in ms and the encoded label, each at most 63 bits.

    Keys must be evenly distributed.

    `begin_ms`: when the first label arrived.
    """

    def __init__(self, begin_ms: int) -> None:
        self.begin_ms = begin_ms
        self._keys = array("q")
        self._arrived = array("q")
        self._labels = array("q")
        self._index = _empty_slots(_MIN_SLOTS)

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, key: int) -> Sequence[tuple[int, int]]:
        """Return the (arrival, label) pairs of a key."""
        index = self._index
        last = len(index) - 1
        slot = key & last
        if (row := index[slot]) < 0:
            return ()
        keys = self._keys
        labels = []
        while row >= 0:
            if keys[row] == key:
                labels.append((self._arrived[row], self._labels[row]))
            slot = slot + 1 & last
            row = index[slot]
        return labels

    def put(self, key: int, arrived_ms: int, label: int) -> bool:
        """Add a label and return True.

        If the key has _MAX_ROWS_PER_KEY, return False and keep the largest of its labels.
        """
        index = self._index
        keys = self._keys
        last = len(index) - 1
        slot = key & last
        rows = []
        while (row := index[slot]) >= 0:
            if keys[row] == key:
                rows.append(row)
            slot = slot + 1 & last
        if len(rows) == _MAX_ROWS_PER_KEY:
            smallest = min(rows, key=self._labels.__getitem__)
            if label >= self._labels[smallest]:
                self._arrived[smallest] = arrived_ms
                self._labels[smallest] = label
            return False
        index[slot] = len(keys)
        keys.append(key)
        self._arrived.append(arrived_ms)
        self._labels.append(label)
        if 2 * len(keys) > len(index):
            self._grow()
        return True

    def _grow(self) -> None:
        self._index = index = _empty_slots(2 * len(self._index))
        last = len(index) - 1
        for row, key in enumerate(self._keys):
            slot = key & last
            while index[slot] >= 0:
                slot = slot + 1 & last
            index[slot] = row


def _empty_slots(count: int) -> "array[int]":
    return array("i", repeat(-1, count))
