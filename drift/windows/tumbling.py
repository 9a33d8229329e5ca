"""Which window an event belongs to: by count, or by event time.

By event time windows tumble: each is [k L, (k + 1) L) since 1970. A partition is read in its order up to its first event at or past
the open window's end; there it is held, and that event waits. Once every partition that is awaited is held, the watermark, the least
over them of the newest event time read, has passed the end: the window is over. So a window is one range of offsets in each
partition, whatever the order of event times in it, and its events do not depend on how the partitions were interleaved.

An event from before the open window is late. It stays in that window: an event outside every window would be one that nobody watches.
"""

from collections.abc import Collection, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from drift.windows.window import Floats, Ints, Window

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True)
class _Events:
    """Of one partition: int64[n, 3], float64[n, width], int64[n] in ms."""

    places: Ints
    rows: Floats
    times: Ints

    def __len__(self) -> int:
        return len(self.times)

    def only(self, which: slice | NDArray[np.bool_]) -> "_Events":
        return _Events(self.places[which], self.rows[which], self.times[which])

    def then(self, more: "_Events") -> "_Events":
        return _Events(
            np.concatenate([self.places, more.places]),
            np.concatenate([self.rows, more.rows]),
            np.concatenate([self.times, more.times]),
        )


class Windowing:
    """The window that is open, and the events that wait for the next.

    `size`: most events in a window. `length`: a window's event time; None: windows by count alone. `floor`: what lies before it is late,
    for windows up to there are closed; None: no window is. One closed for its size or for silence may be followed by another of the
    same time, and what comes of that time is not late.
    """

    def __init__(
        self, size: int, width: int, length: timedelta | None = None, floor: datetime | None = None
    ) -> None:
        self._size, self._width = size, width
        self._length = None if length is None else length // _MS
        self._floor = None if floor is None else (floor - _EPOCH) // _MS
        self._begin: int | None = None
        self._waiting: dict[int, _Events] = {}
        self._over = False
        self.window = Window(size, width)

    @property
    def held(self) -> Set[int]:
        """The partitions with events that wait: no more is to be read of them yet."""
        return self._waiting.keys()

    @property
    def due(self) -> bool:
        """Whether the window has to be closed."""
        return self._over or self.window.full

    @property
    def complete(self) -> bool:
        """Whether it has all that it is meant to have; one that is closed before is partial."""
        return self.window.full if self._length is None else self._over

    @property
    def interval(self) -> tuple[datetime, datetime] | None:
        """[begin, end) of its event time; None by count, and where late events are all that came."""
        if self._begin is None or self._length is None:
            return None
        return _EPOCH + self._begin * _MS, _EPOCH + (self._begin + self._length) * _MS

    def late(self, times: Ints) -> int:
        """How many of the window's events, at these times, are late."""
        if self._length is None:
            return 0
        return len(times) if self._begin is None else int((times < self._begin).sum())

    def add(self, places: Ints, rows: Floats, times: Ints) -> None:
        """Takes events: int64[n, 3] of partition, offset and record timestamp in ms; float64[n, width]; int64[n] of event times in ms.

        Raises WindowOrderError as Window.add does.
        """
        if self._length is None:
            self.window.add(places, rows)
            return
        for partition in np.unique(places[:, 0]).tolist():
            own = _Events(places, rows, times).only(places[:, 0] == partition)
            before = self._waiting.get(partition)
            self._waiting[partition] = before.then(own) if before else own
        self._take()

    def settle(self, awaited: Set[int]) -> None:
        """Moves on as far as what was read allows: `awaited` are the partitions whose next event is waited for."""
        if (
            self._length is None
            or self.window.full
            or not self._waiting
            or not awaited <= self.held
        ):
            return
        if self._begin is None:
            self._begin = self._watermark() // self._length * self._length
            self._take()
        else:
            self._over = self._watermark() >= self._begin + self._length

    def drop(self, partitions: Collection[int]) -> None:
        """Forgets the events of partitions that belong to somebody else now, who begins at what was committed."""
        self.window.drop(partitions)
        self._over = False
        if not len(self.window):
            self._begin = None
        self._waiting = {
            partition: events
            for partition, events in self._waiting.items()
            if partition not in partitions
        }

    def clear(self) -> None:
        """Forgets every event since the last closed window: they are read again."""
        self._begin, self._over, self._waiting, self.window = (
            None,
            False,
            {},
            Window(self._size, self._width),
        )

    def open_next(self) -> None:
        """The window so far is committed: the next begins."""
        if self._begin is not None and self._length is not None:
            self._floor = self._begin + self._length if self._over else self._begin
        self._begin, self._over, self.window = None, False, Window(self._size, self._width)
        self._take()

    def _watermark(self) -> int:
        return min(int(events.times[0]) for events in self._waiting.values())

    def _take(self) -> None:
        """What waits and lies before the end of the window, in each partition up to the first event that does not."""
        bound = self._floor if self._begin is None else self._begin + (self._length or 0)
        if bound is None:
            return
        for partition, events in list(self._waiting.items()):
            past = np.flatnonzero(events.times >= bound)
            count = min(int(past[0]) if past.size else len(events), self.window.room)
            taken, left = events.only(slice(count)), events.only(slice(count, None))
            self.window.add(taken.places, taken.rows)
            if left:
                self._waiting[partition] = left
            else:
                del self._waiting[partition]
