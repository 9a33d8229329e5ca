"""Times on the bus: RFC 3339 (section 5.6), always with an offset.

msgspec also accepts a space before the time and an offset without a colon, which RFC 3339 and
other readers refuse; and it refuses leap seconds, which RFC 3339 allows.
"""

import re
from datetime import UTC, datetime
from typing import Annotated

import msgspec

AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]

_decode = msgspec.json.Decoder(AwareTime).decode
_TIME_MARKS = b"Tt"
_UTC_MARKS = b"Zz"
_COLON = ord(":")
_LEAP_SECOND = re.compile(rb'("\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:)60(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)"')
_LAST_MICROSECOND = 999_999


class TimeFormatError(ValueError):
    """A value that is not a time in RFC 3339 with an offset. The text holds no part of it."""

    def __init__(self) -> None:
        super().__init__("not RFC 3339 with an offset, such as 2026-01-31T12:00:00+01:00")


def parse_time(raw: bytes) -> datetime:
    """Return the time in a JSON string. Raises TimeFormatError.

    A leap second, at 23:59:60 UTC on 30 June or 31 December, is the last microsecond before it.
    """
    if b"\\" in raw:
        raw = _unescape(raw)
    try:
        at: datetime = _decode(raw)
    except msgspec.MsgspecError:
        return _parse_leap_second(raw)
    if raw[11] not in _TIME_MARKS or (raw[-2] not in _UTC_MARKS and raw[-4] != _COLON):
        raise TimeFormatError
    return at


def parse_text(text: str) -> datetime:
    """Return the time in a text. Raises TimeFormatError."""
    return parse_time(msgspec.json.encode(text))


def _unescape(raw: bytes) -> bytes:
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
