"""A window of the scored stream: its events, and the offsets that it is made of."""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from drift.errors import WindowOrderError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Spans = dict[int, tuple[int, int]]  # [start, end) of offsets by partition

_PARTITION, _OFFSET, _TIMESTAMP = range(3)


class Window:
    """Collects events until there are `size` of them; each event is a row of `width` numbers.

    Its identity is a range of offsets by partition. Offsets have gaps, because the markers of Kafka's transactions take some,
    so events are counted. What it says about its rows does not depend on how the partitions were interleaved.
    """

    def __init__(self, size: int, width: int) -> None:
        self.size = size
        self._count = 0
        self._places = [np.empty((0, 3), np.int64)]
        self._rows = [np.empty((0, width))]
        self._next: dict[int, int] = {}

    def __len__(self) -> int:
        return self._count

    @property
    def room(self) -> int:
        """How many more events it takes."""
        return self.size - self._count

    @property
    def full(self) -> bool:
        """Whether it has to be closed; one that is closed before is partial."""
        return self.room <= 0

    def add(self, places: Ints, rows: Floats) -> None:
        """Takes events: int64[n, 3] of partition, offset and record timestamp in ms, and float64[n, width].

        Raises WindowOrderError unless offsets rise within their partition.
        """
        for partition in np.unique(places[:, _PARTITION]).tolist():
            offsets = places[places[:, _PARTITION] == partition, _OFFSET]
            before = np.concatenate([[self._next.get(partition, 0) - 1], offsets[:-1]])
            if (wrong := np.flatnonzero(offsets <= before)).size:
                raise WindowOrderError(
                    f"predictions[{partition}]: offset {offsets[wrong[0]]} came after {before[wrong[0]]}; "
                    "nothing was committed, start `fraud monitor` again"
                )
            self._next[partition] = int(offsets[-1]) + 1
        self._places.append(places)
        self._rows.append(rows)
        self._count += len(places)

    def drop(self, partitions: Collection[int]) -> None:
        """Forgets the events of partitions that belong to somebody else now, who begins at what was committed."""
        places, rows = np.concatenate(self._places), np.concatenate(self._rows)
        kept = ~np.isin(places[:, _PARTITION], list(partitions))
        self._places, self._rows, self._count = [places[kept]], [rows[kept]], int(kept.sum())
        self._next = {
            partition: end for partition, end in self._next.items() if partition not in partitions
        }

    @property
    def offsets(self) -> Spans:
        """[first, last + 1) of its events in each partition that it has events of, by partition."""
        partitions, offsets = np.concatenate(self._places)[:, [_PARTITION, _OFFSET]].T
        found = {
            int(partition): offsets[partitions == partition] for partition in np.unique(partitions)
        }
        return {partition: (int(own[0]), int(own[-1]) + 1) for partition, own in found.items()}

    @property
    def span(self) -> tuple[float, float]:
        """The first and the last record timestamp in it, in seconds since 1970."""
        timestamps = np.concatenate(self._places)[:, _TIMESTAMP]
        return float(timestamps.min()) / 1000, float(timestamps.max()) / 1000

    def rows(self) -> Floats:
        """float64[events, width] by record time, then partition and offset: the same rows in the same order however they arrived."""
        partitions, offsets, timestamps = np.concatenate(self._places).T
        return np.concatenate(self._rows)[np.lexsort((offsets, partitions, timestamps))]


def sample(rows: Floats, offsets: Spans, most: int) -> Floats:
    """At most `most` rows drawn without replacement, in their order. The draw is seeded by the offsets: repeating it gives the same."""
    if len(rows) <= most:
        return rows
    seed = [number for partition in sorted(offsets) for number in (partition, *offsets[partition])]
    chosen = np.random.default_rng(seed).choice(len(rows), most, replace=False)
    return rows[np.sort(chosen)]
