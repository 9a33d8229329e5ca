"""A window of the scored stream: its events and their offsets."""

from collections.abc import Collection

import numpy as np

from drift.errors import WindowOrderError
from payments.arrays import Floats, Ints

Spans = dict[int, tuple[int, int]]  # [start, end) of offsets by partition

_PARTITION, _OFFSET, _TIMESTAMP = range(3)


class Window:
    """Collect up to `size` events, each a row of `width` numbers.

    A window is identified by a range of offsets in each partition. Transaction markers leave gaps
    between offsets, so events are counted. The results do not depend on how the partitions were
    interleaved.
    """

    def __init__(self, size: int, width: int) -> None:
        self.size = size
        self._count = 0
        self._positions = [np.empty((0, 3), np.int64)]
        self._rows = [np.empty((0, width))]
        self._next: dict[int, int] = {}

    def __len__(self) -> int:
        return self._count

    @property
    def remaining(self) -> int:
        """Return how many more events fit."""
        return self.size - self._count

    @property
    def full(self) -> bool:
        """Return whether the window has `size` events."""
        return self.remaining <= 0

    def add(self, positions: Ints, rows: Floats) -> None:
        """Add n events.

        `positions`: partition, offset and record timestamp in ms, int64[n, 3]. `rows`: float64[n,
        width]. Raises WindowOrderError unless offsets rise within their partition.
        """
        for partition in np.unique(positions[:, _PARTITION]).tolist():
            offsets = positions[positions[:, _PARTITION] == partition, _OFFSET]
            before = np.concatenate([[self._next.get(partition, 0) - 1], offsets[:-1]])
            if (wrong := np.flatnonzero(offsets <= before)).size:
                raise WindowOrderError(
                    f"predictions[{partition}]: offset {offsets[wrong[0]]} came after "
                    f"{before[wrong[0]]}; nothing was committed: start `fraud monitor` again"
                )
            self._next[partition] = int(offsets[-1]) + 1
        self._positions.append(positions)
        self._rows.append(rows)
        self._count += len(positions)

    def drop(self, partitions: Collection[int]) -> None:
        """Drop the events of revoked partitions.

        Their new owner reads them again from the committed offsets.
        """
        positions = np.concatenate(self._positions)
        kept = ~np.isin(positions[:, _PARTITION], list(partitions))
        self._positions = [positions[kept]]
        self._rows = [np.concatenate(self._rows)[kept]]
        self._count = int(kept.sum())
        self._next = {
            partition: end for partition, end in self._next.items() if partition not in partitions
        }

    @property
    def offsets(self) -> Spans:
        """Return [first, last + 1) of the events' offsets, by partition."""
        partitions, offsets = np.concatenate(self._positions)[:, [_PARTITION, _OFFSET]].T
        spans = {}
        for partition in np.unique(partitions).tolist():
            own = offsets[partitions == partition]
            spans[partition] = (int(own[0]), int(own[-1]) + 1)
        return spans

    @property
    def time_range(self) -> tuple[float, float]:
        """Return the first and the last record timestamp, in seconds since 1970."""
        timestamps = np.concatenate(self._positions)[:, _TIMESTAMP]
        return float(timestamps.min()) / 1000, float(timestamps.max()) / 1000

    def rows(self) -> Floats:
        """Return float64[events, width], ordered by record time, partition and offset.

        The result does not depend on the order of arrival.
        """
        partitions, offsets, timestamps = np.concatenate(self._positions).T
        return np.concatenate(self._rows)[np.lexsort((offsets, partitions, timestamps))]


def sample(rows: Floats, offsets: Spans, max_rows: int) -> Floats:
    """Return at most `max_rows` random rows in their order, without replacement.

    Seeded by the offsets, so repeatable.
    """
    if len(rows) <= max_rows:
        return rows
    seed = [number for partition in sorted(offsets) for number in (partition, *offsets[partition])]
    chosen = np.random.default_rng(seed).choice(len(rows), max_rows, replace=False)
    return rows[np.sort(chosen)]
