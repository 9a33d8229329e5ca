"""When each record of a replay is due, in seconds from its start. Absolute, so that a late record delays none after it."""

from collections.abc import Callable
from typing import Protocol

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
