"""When each record of a replay is due, in seconds from its start.

Times are absolute, so that a late record does not delay the ones after it.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from producer.rows import Row

_TICK_EVERY_ROWS = 256
_TICK_EVERY_S = 0.1
# Waking up for each row took a third of a core at 10,000 rows/s. No row is later than this.
_TICK_S = 0.001

Schedule = Callable[[int, float], float]
"""(records before this one, seconds since the first record by file time) -> seconds from start."""


class Clock(Protocol):
    """The part of the module `time` that a replay uses; the module itself fits."""

    def time(self) -> float:
        """Return the seconds since 1970."""

    def monotonic(self) -> float:
        """Return seconds from an arbitrary origin, never set back."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


def at_rate(rate: float) -> Schedule:
    """Space records evenly at `rate` a second; 0 means as fast as they can be sent."""
    return lambda sent, _: sent / rate if rate else 0.0


def at_speed(speed: float) -> Schedule:
    """Follow file time, `speed` times as fast."""
    return lambda _, elapsed: elapsed / speed


def yield_when_due(
    rows: Iterable[Row],
    schedule: Schedule,
    clock: Clock,
    start: float,
    on_tick: Callable[[float], bool],
) -> Iterator[Row]:
    """Yield each row when it is due or up to 1 ms later; yield late rows at once.

    Due times count from `start` on the monotonic clock. Call `on_tick` with the seconds since the
    start, every 0.1 s while waiting and every 256 rows otherwise; stop when it returns False.
    """
    elapsed = first = 0.0
    for sent, row in enumerate(rows):
        first = first if sent else row.time
        due = schedule(sent, row.time - first)
        if due > elapsed or sent % _TICK_EVERY_ROWS == 0:
            while True:
                elapsed = clock.monotonic() - start
                if not on_tick(elapsed):
                    return
                if elapsed >= due:
                    break
                clock.sleep(min(max(due - elapsed, _TICK_S), _TICK_EVERY_S))
        yield row
