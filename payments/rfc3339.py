"""Times on the bus: RFC 3339 (section 5.6), always with an offset.

msgspec also accepts a space before the time and an offset without a colon, which RFC 3339 and
other readers refuse; and it refuses leap seconds, which RFC 3339 allows.
"""

import math
import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Annotated

import msgspec

AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]

_decode = msgspec.json.Decoder(AwareTime).decode
_TIME_MARKS = b"Tt"
_UTC_MARKS = b"Zz"
_COLON = ord(":")
_LEAP_SECOND = re.compile(rb'("\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:)60(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)"')
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_MICROSECOND = timedelta(microseconds=1)
_EDGE_YEARS = (MINYEAR, MAXYEAR)
_LAST_MICROSECOND = 999_999


class TimeFormatError(ValueError):
    """A value that is not a time in RFC 3339 with an offset. The text holds no part of it."""

    def __init__(
        self, cause: str = "not RFC 3339 with an offset, such as 2026-01-31T12:00:00+01:00"
    ) -> None:
        super().__init__(cause)


def parse_time(raw: bytes) -> datetime:
    """Return the time in a JSON string. Raises TimeFormatError.

    A leap second, at 23:59:60 UTC on 30 June or 31 December, is the last microsecond before it.
    """
    try:
        at: datetime = _decode(raw)
    except msgspec.MsgspecError:
        return _parse_leap_second(_unescape(raw))
    if not _has_marks(raw) and not _has_marks(_unescape(raw)):
        raise TimeFormatError
    if at.year in _EDGE_YEARS:
        _refuse_out_of_range(at)
    return at


def _refuse_out_of_range(at: datetime) -> None:
    try:
        at.astimezone(UTC)
    except OverflowError:
        raise TimeFormatError("out of the years 0001 to 9999 in UTC") from None


def parse_number(number: float, per_unit: int) -> datetime:
    """Return the time of a number since 1970, with `per_unit` microseconds each.

    Cut to microseconds. Raises TimeFormatError.
    """
    try:
        return _EPOCH + timedelta(microseconds=math.floor(number * per_unit))
    except OverflowError:
        raise TimeFormatError("out of the years 0001 to 9999 in UTC") from None


def count_microseconds(at: datetime) -> int:
    """Return a time as microseconds since 1970."""
    return (at - _EPOCH) // _ONE_MICROSECOND


def parse_text(text: str) -> datetime:
    """Return the time in a text. Raises TimeFormatError."""
    return parse_time(msgspec.json.encode(text))


def _has_marks(raw: bytes) -> bool:
    """Return whether a time that msgspec accepts has a T, and a colon in its offset."""
    return raw[11] in _TIME_MARKS and (raw[-2] in _UTC_MARKS or raw[-4] == _COLON)


def _unescape(raw: bytes) -> bytes:
    """Return a JSON string without escapes for what needs none."""
    try:
        return msgspec.json.encode(msgspec.json.decode(raw, type=str))
    except msgspec.MsgspecError:
        raise TimeFormatError from None


def _parse_leap_second(raw: bytes) -> datetime:
    if not (match := _LEAP_SECOND.fullmatch(raw)):
        raise TimeFormatError
    try:
        at: datetime = _decode(match[1] + b"59" + match[2] + b'"')
        utc = at.astimezone(UTC)
    except (msgspec.MsgspecError, OverflowError):
        raise TimeFormatError from None
    if (utc.month, utc.day) not in ((6, 30), (12, 31)) or (utc.hour, utc.minute) != (23, 59):
        raise TimeFormatError
    return at.replace(microsecond=_LAST_MICROSECOND)
