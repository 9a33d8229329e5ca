"""A window of the scored stream: its events, and the offsets that it is made of."""

from array import array
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from drift.errors import WindowOrderError

Floats = npt.NDArray[np.float64]
Offsets = dict[int, tuple[int, int]]


class Window:
    """Collects events until there are `size` of them; each event is a row of `width` numbers.

    Its identity is a range of offsets by partition. Offsets have gaps, because the markers of Kafka's transactions take some,
    so events are counted. What it says about its rows does not depend on how the partitions were interleaved.
    """

    def __init__(self, size: int, width: int) -> None:
        self.size = size
        self._width = width
        self._rows = array("d")
        self._partitions = array("q")
        self._offsets = array("q")
        self._timestamps = array("q")
        self._next: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._offsets)

    @property
    def full(self) -> bool:
        """Whether it has to be closed; one that is closed before is partial."""
        return len(self) >= self.size

    def add(self, partition: int, offset: int, timestamp_ms: int, row: Sequence[float]) -> None:
        """Takes one event. Raises WindowOrderError unless offsets rise within their partition."""
        if offset < self._next.get(partition, 0):
            raise WindowOrderError(
                f"predictions[{partition}]: offset {offset} came after {self._next[partition] - 1}; "
                "nothing was committed, start `fraud monitor` again"
            )
        self._next[partition] = offset + 1
        self._partitions.append(partition)
        self._offsets.append(offset)
        self._timestamps.append(timestamp_ms)
        self._rows.extend(row)

    def drop(self, partitions: Collection[int]) -> None:
        """Forgets the events of partitions that belong to somebody else now, who begins at what was committed."""
        kept = ~np.isin(np.array(self._partitions), list(partitions))
        rows = np.array(self._rows).reshape(-1, self._width)[kept]
        self._rows = array("d", rows.tobytes())
        for name in ("_partitions", "_offsets", "_timestamps"):
            setattr(self, name, array("q", np.array(getattr(self, name), dtype=np.int64)[kept].tobytes()))
        self._next = {partition: end for partition, end in self._next.items() if partition not in partitions}

    @property
    def offsets(self) -> Offsets:
        """[first, last + 1) of its events in each partition that it has events of, by partition."""
        partitions, offsets = np.array(self._partitions), np.array(self._offsets)
        found = {int(partition): offsets[partitions == partition] for partition in np.unique(partitions)}
        return {partition: (int(own[0]), int(own[-1]) + 1) for partition, own in found.items()}

    @property
    def end_timestamp(self) -> float:
        """The latest record timestamp in it, in seconds since 1970."""
        return max(self._timestamps) / 1000

    def rows(self) -> Floats:
        """float64[events, width] by record time, then partition and offset: the same rows in the same order however they arrived."""
        order = np.lexsort((np.array(self._offsets), np.array(self._partitions), np.array(self._timestamps)))
        return np.array(self._rows).reshape(-1, self._width)[order]


def sample(rows: Floats, offsets: Offsets, most: int) -> Floats:
    """At most `most` rows drawn without replacement, in their order. The draw is seeded by the offsets: repeating it gives the same."""
    if len(rows) <= most:
        return rows
    seed = [number for partition in sorted(offsets) for number in (partition, *offsets[partition])]
    chosen = np.random.default_rng(seed).choice(len(rows), most, replace=False)
    return rows[np.sort(chosen)]
