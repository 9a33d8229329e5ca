"""Rates as people type them: 2000, 0.5; 0 is no limit."""

import math

import typer


def per_second(text: str) -> float:
    """The rate. Raises typer.BadParameter for what is none (below 0, infinite, NaN), so it serves as an option's parser."""
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 <= rate < math.inf:
        raise typer.BadParameter(f"{text!r} is not a rate: try 2000, or 0 for as fast as it can")
    return rate
