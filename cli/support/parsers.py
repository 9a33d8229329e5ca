"""Parse the durations, times and rates that people type as options."""

import contextlib
import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta

import typer

_UNITS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def make_number_parser(lowest: float, highest: float) -> Callable[[str], float]:
    """Return a parser of numbers in a range that is too technical for the help.

    The parser raises typer.BadParameter.
    """

    def parse_number(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not lowest <= number <= highest:
            raise typer.BadParameter(
                f"{text!r} is not a number from {lowest:,.15g} to {highest:,.15g}"
            )
        return number

    return parse_number


def parse_duration(text: str) -> float:
    """Return seconds from 500ms, 10s, 5m or 5min, 2h, 1d, or a bare number of seconds.

    Raises typer.BadParameter.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d|)", text.strip())
    if not match:
        raise typer.BadParameter(f"{text!r} is not a duration: try 10s, 5m, 2h or 1d")
    return float(match[1]) * _UNITS[match[2]]


def parse_time(text: str, now: datetime) -> datetime:
    """Return the time a duration before `now`, or the RFC 3339 time given.

    Raises typer.BadParameter.
    """
    with contextlib.suppress(typer.BadParameter):
        return now - timedelta(seconds=parse_duration(text))
    with contextlib.suppress(ValueError):
        at = datetime.fromisoformat(text)
        if at.tzinfo:
            return at
    raise typer.BadParameter(
        f"{text!r} is neither a duration (10m) nor a time with an offset (2026-01-31T12:00:00Z)"
    )


def parse_label_delay(text: str) -> str:
    """Return the distribution of delays as it is. Raises typer.BadParameter."""
    from model.label_delay import find_mean_delay

    try:
        find_mean_delay(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}, or exponential:7d") from None
    return text


def parse_rate(text: str) -> float:
    """Return a rate per second; 0 means no limit. Raises typer.BadParameter."""
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 <= rate < math.inf:
        raise typer.BadParameter(f"{text!r} is not a rate: try 2000, or 0 for as fast as possible")
    return rate
