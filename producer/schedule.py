"""When each record of a replay is due, in seconds from its start. Absolute, so that a late record delays none after it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from producer.rows import Row

_LOOK_EVERY = 256
_LOOK_S = 0.1
# Waking up for each row took a third of a core at 10,000 rows a second; what is due in between is at most so late.
_TICK_S = 0.001

Schedule = Callable[[int, float], float]
"""(records before this one, seconds between the first record and this one by the file's clock) -> seconds from the start."""


class Clock(Protocol):
    """The part of the module `time` that a replay uses; the module itself is one."""

    def time(self) -> float:
        """Seconds since 1970."""

    def monotonic(self) -> float:
        """Seconds since some moment; never set back."""

    def sleep(self, seconds: float, /) -> None:
        """Waits."""


def at_rate(rate: float) -> Schedule:
    """`rate` records a second, evenly; 0: each at once, as fast as they can be sent."""
    return lambda sent, _: sent / rate if rate else 0.0


def at_speed(speed: float) -> Schedule:
    """By the file's own clock, `speed` times as fast."""
    return lambda _, elapsed: elapsed / speed


def paced(
    rows: Iterable[Row],
    schedule: Schedule,
    clock: Clock,
    start: float,
    look: Callable[[float], bool],
) -> Iterator[Row]:
    """Yields each row when it is due, counted from `start` on the monotonic clock, or up to 1 ms later; those that are late at once.

    `look` is called with the seconds since the start, every 0.1 s while it waits and every 256 rows while it does not; where it
    returns False the rows end.
    """
    elapsed = first = 0.0
    for sent, row in enumerate(rows):
        first = first if sent else row.time
        due = schedule(sent, row.time - first)
        if due > elapsed or sent % _LOOK_EVERY == 0:
            while True:
                elapsed = clock.monotonic() - start
                if not look(elapsed):
                    return
                if elapsed >= due:
                    break
                clock.sleep(min(max(due - elapsed, _TICK_S), _LOOK_S))
        yield row
