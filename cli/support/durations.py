"""Durations as people type them: 500ms, 10s, 5m or 5min, 2h, 1d; a bare number is seconds."""

import contextlib
import re
from datetime import datetime, timedelta

import typer

_UNITS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> float:
    """The duration in seconds. Raises typer.BadParameter, so it serves as an option's parser."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d|)", text.strip())
    if not match:
        raise typer.BadParameter(f"{text!r} is not a duration: try 10s, 5m, 2h or 1d")
    return float(match[1]) * _UNITS[match[2]]


def moment(text: str, now: datetime) -> datetime:
    """The time that is so long before `now`, or that is written out (RFC 3339). Raises typer.BadParameter."""
    with contextlib.suppress(typer.BadParameter):
        return now - timedelta(seconds=seconds(text))
    with contextlib.suppress(ValueError):
        at = datetime.fromisoformat(text)
        if at.tzinfo:
            return at
    raise typer.BadParameter(
        f"{text!r} is neither a duration (10m) nor a time with an offset (2026-01-31T12:00:00Z)"
    )
