"""Tumbling windows, by number of events or by event time.

By event time, a window is [k L, (k + 1) L) since 1970. Each partition is read in order up to its
first event at or after the window's end; then it is held, and that event waits for a later window.
Once all active partitions are held, the watermark, which is the smallest of their newest event
times, has passed the end, and the window closes. So a window is one range of offsets in each
partition, whatever the order of event times in it, and does not depend on how partitions were
interleaved.

An event from before the open window is late. It is added to that window, because events outside
every window would go unmonitored. But LATE_RUN late events in a row are no stragglers: someone
replays an earlier time. Then the open window is closed without them, and windows begin again at
their time.
"""

from collections.abc import Callable, Collection, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from drift.windows.window import Window
from payments.arrays import Flags, Floats, Ints

LATE_RUN = 500
"""As many events as a window needs for a verdict."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True)
class _Events:
    """Events of one partition.

    Positions int64[n, 3], rows float64[n, width], event times int64[n] in ms.
    """

    positions: Ints
    rows: Floats
    times: Ints

    def __len__(self) -> int:
        return len(self.times)

    def select(self, which: slice | Flags) -> "_Events":
        return _Events(self.positions[which], self.rows[which], self.times[which])

    def extend(self, more: "_Events") -> "_Events":
        return _Events(
            np.concatenate([self.positions, more.positions]),
            np.concatenate([self.rows, more.rows]),
            np.concatenate([self.times, more.times]),
        )


class TumblingWindows:
    """The open window, and the events that wait for the next.

    `size`: maximum events in a window. `length`: a window's event time, or None for windows by
    count. `floor`: where the open window may begin, as earlier ones are closed; None if there are
    none. A window closed early, because it is full or its partitions are idle, may be followed by
    another of the same interval, in which events of that interval are not late. `on_late_run` takes
    the earliest time of the late events because of which windows begin again.
    """

    def __init__(
        self,
        size: int,
        width: int,
        length: timedelta | None = None,
        floor: datetime | None = None,
        on_late_run: Callable[[datetime], None] = lambda _: None,
    ) -> None:
        self._on_late_run = on_late_run
        self._late_run = 0  # late events in a row, up to now
        self._is_cut = False  # closed before a late run
        self._taken: list[_Events] = []  # the open window's
        self._size = size
        self._width = width
        self._length = None if length is None else length // _MS
        self._floor = None if floor is None else (floor - _EPOCH) // _MS
        self._begin: int | None = None
        self._waiting: dict[int, _Events] = {}
        self._over = False
        self.window = Window(size, width)

    @property
    def held(self) -> Set[int]:
        """Return the partitions with waiting events, which must not be read further yet."""
        return self._waiting.keys()

    @property
    def due(self) -> bool:
        """Return whether the window must be closed."""
        return self._over or self._is_cut or self.window.full

    @property
    def complete(self) -> bool:
        """Return whether the window has all its events; one that is closed earlier is partial."""
        return self.window.full if self._length is None else self._over

    @property
    def interval(self) -> tuple[datetime, datetime] | None:
        """Return [begin, end) of the window's event time.

        None for windows by count, or if all its events are late.
        """
        if self._begin is None or self._length is None:
            return None
        return _EPOCH + self._begin * _MS, _EPOCH + (self._begin + self._length) * _MS

    def count_late(self, times: Ints) -> int:
        """Return how many of these event times are late for the window."""
        if self._length is None:
            return 0
        return len(times) if self._begin is None else int((times < self._begin).sum())

    def add(self, positions: Ints, rows: Floats, times: Ints) -> None:
        """Add n events.

        `positions`: partition, offset and record timestamp in ms, int64[n, 3]. `rows`: float64[n,
        width]. `times`: event times in ms, int64[n].

        Raises WindowOrderError as Window.add does.
        """
        if self._length is None:
            self.window.add(positions, rows)
            return
        for partition in np.unique(positions[:, 0]).tolist():
            own = _Events(positions, rows, times).select(positions[:, 0] == partition)
            before = self._waiting.get(partition)
            self._waiting[partition] = before.extend(own) if before else own
        self._take()

    def advance(self, active: Set[int]) -> None:
        """Advance the watermark if all `active` partitions, those that are not idle, are held."""
        if self._length is None or self.due or not self._waiting or not active <= self.held:
            return
        if self._begin is None:
            self._begin = self._find_watermark() // self._length * self._length
            self._take()
        else:
            self._over = self._find_watermark() >= self._begin + self._length

    def drop(self, partitions: Collection[int]) -> None:
        """Drop the events of revoked partitions.

        Their new owner reads them again from the committed offsets.
        """
        self.window.drop(partitions)
        self._taken = [
            events for events in self._taken if int(events.positions[0, 0]) not in partitions
        ]
        self._over = False
        if not len(self.window):
            self._begin = None
            self._is_cut = False
        self._waiting = {
            partition: events
            for partition, events in self._waiting.items()
            if partition not in partitions
        }

    def clear(self) -> None:
        """Drop all events since the last closed window, to read them again."""
        self._waiting = {}
        self._reset()

    def open_next(self) -> None:
        """Open the next window, after the current one was committed."""
        if self._is_cut:
            self._floor = None
        elif self._begin is not None and self._length is not None:
            self._floor = self._begin + self._length if self._over else self._begin
        self._reset()
        self._take()

    def _reset(self) -> None:
        self._begin = None
        self._over = False
        self._is_cut = False
        self._late_run = 0
        self._taken = []
        self.window = Window(self._size, self._width)

    def _find_watermark(self) -> int:
        return min(int(events.times[0]) for events in self._waiting.values())

    def _take(self) -> None:
        """Move waiting events into the window, in each partition up to the first past its end."""
        bound = self._floor if self._begin is None else self._begin + (self._length or 0)
        if bound is None or self._is_cut:
            return
        for partition, events in list(self._waiting.items()):
            past = np.flatnonzero(events.times >= bound)
            count = min(int(past[0]) if past.size else len(events), self.window.remaining)
            if count:
                self._add(events.select(slice(count)))
            if count < len(events):
                self._waiting[partition] = events.select(slice(count, None))
            else:
                del self._waiting[partition]
        if self._late_run >= LATE_RUN:
            self._begin_again()

    def _add(self, events: _Events) -> None:
        """Add events of one partition to the window."""
        self.window.add(events.positions, events.rows)
        self._taken.append(events)
        in_time = np.flatnonzero(events.times >= self._late_before())
        if in_time.size:
            self._late_run = len(events) - 1 - int(in_time[-1])
        else:
            self._late_run += len(events)

    def _late_before(self) -> int:
        """Return the time before which events are late, once there is one."""
        return (self._floor or 0) if self._begin is None else self._begin

    def _begin_again(self) -> None:
        """Put back each partition's late events after its last one in time.

        The others remain in the window, which is due. Without any, forget how far windows got.
        """
        taken: dict[int, _Events] = {}
        for events in self._taken:
            partition = int(events.positions[0, 0])
            taken[partition] = taken[partition].extend(events) if partition in taken else events
        late_before = self._late_before()
        self._late_run = 0
        self._taken = []
        self.window = Window(self._size, self._width)
        earliest = []
        for partition, events in taken.items():
            in_time = np.flatnonzero(events.times >= late_before)
            count = int(in_time[-1]) + 1 if in_time.size else 0
            if count:
                kept = events.select(slice(count))
                self.window.add(kept.positions, kept.rows)
                self._taken.append(kept)
            if count < len(events):
                late = events.select(slice(count, None))
                earliest.append(int(late.times.min()))
                waiting = self._waiting.get(partition)
                self._waiting[partition] = late.extend(waiting) if waiting else late
        self._is_cut = len(self.window) > 0
        if not self._is_cut:
            self._floor = None
            self._begin = None
        self._on_late_run(_EPOCH + min(earliest) * _MS)
