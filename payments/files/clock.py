"""The unit of the times in a file: the schema's, or found by the size of the numbers."""

import math
from typing import NamedTuple

import numpy as np

from payments.arrays import Floats
from payments.schema.declaration import FROM_FIRST_ROW

# The first Time in seconds from the first row is 0 in a whole file, and more in a part of one. A
# larger number, such as a date 20260131, is something else.
FIRST_SECONDS = 1e7
_EXCEL_DAYS = (25_000, 80_000)  # 1968 to 2119
_EXCEL_SPAN_DAYS = 100
_FROM_DAYS = "Unix seconds: (days - 25569) * 86400"


class Unit(NamedTuple):
    """`per_second`: of the file's numbers. `unix`: they count from 1970, not from the first row."""

    name: str
    per_second: float
    unix: bool
    low: float
    high: float

    def fits(self, value: float) -> bool:
        """Return whether a number is of the size of this unit's."""
        return self.low <= value < self.high


# Seconds from the first row are less than 31 years; Unix times are of 2001 to 2286.
SECONDS = Unit("seconds from the first row", 1, False, -1e9, 1e9)
RFC3339 = Unit("RFC 3339", 1e6, True, -math.inf, math.inf)  # read as microseconds
_UNITS = (
    SECONDS,
    Unit("Unix seconds", 1, True, 1e9, 1e10),
    Unit("Unix milliseconds", 1e3, True, 1e12, 1e13),
    Unit("Unix microseconds", 1e6, True, 1e15, 1e16),
    Unit("Unix nanoseconds", 1e9, True, 1e18, 1e19),
)
_DECLARED = {"s": _UNITS[1], "ms": _UNITS[2], "us": _UNITS[3]}


def get_unit(declared: str | None) -> Unit | None:
    """Return the unit that a schema declares; None if it is to be found in the file."""
    if declared == FROM_FIRST_ROW:
        return None
    return _DECLARED.get(declared or "", RFC3339)


def find_unit(value: float) -> Unit | None:
    """Return the unit that a Time looks like; None if it looks like no time."""
    return next((unit for unit in _UNITS if unit.fits(value)), None)


def choose_unit(times: Floats) -> Unit | str:
    """Return the unit of a file from its first times, float64[n >= 1], or what is wrong with it."""
    first = float(times[0])
    unit = find_unit(first)
    if unit is None or (unit is SECONDS and abs(first) >= FIRST_SECONDS):
        return (
            "neither seconds from the first row nor Unix time; "
            "subtract the first row's, or write Unix seconds"
        )
    if _could_be_days(times) and (np.abs(times - times.round(3)) > 1e-6).any():
        return (
            "which looks like a date of Excel in days; "
            f"write seconds from the first row, or {_FROM_DAYS}"
        )
    return unit


def describe_doubt(times: Floats, unit: Unit) -> str:
    """Return what else times in seconds, such as 45000 and 45001, could be; "" if nothing."""
    if unit is not SECONDS or len(times) < 2 or not _could_be_days(times):
        return ""
    return f"{unit.name}, from {times[0]:,.15g} (if they are Excel's days, write {_FROM_DAYS})"


def _could_be_days(times: Floats) -> bool:
    """Return whether times could be dates of Excel, close to each other.

    Only a time of day, finer than milliseconds, tells them from seconds.
    """
    low, high = _EXCEL_DAYS
    return bool(((low <= times) & (times < high)).all() and np.ptp(times) < _EXCEL_SPAN_DAYS)


def describe_misfit(value: float, unit: Unit, origin: str) -> str:
    """Return what is wrong with a time that is not of the unit of `origin`."""
    other = find_unit(value)
    looks = f"looks like {other.name}" if other else "looks like no time"
    return f"is {value:.15g}, which {looks}; {origin} has {unit.name}"
