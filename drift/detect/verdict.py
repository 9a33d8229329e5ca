"""A drift verdict in words."""

from collections.abc import Mapping, Sequence


def describe_verdict(
    detected: bool | None, score: float, constant_ratios: Mapping[str, float]
) -> str:
    """Return the verdict as text, with the test that found drift if no distance did."""
    if not detected:
        return "no drift"
    if constant := [name for name, ratio in constant_ratios.items() if ratio >= 1]:
        return f"DRIFT, {', '.join(constant)} stuck at one value"
    return "DRIFT" if score else "DRIFT in the tail of the scores"


def describe_largest(distances: Mapping[str, float], units: Mapping[str, str]) -> str:
    """Return the largest distance as text, with its unit and its column."""
    farthest = max(distances, key=distances.__getitem__)
    return f"largest distance {distances[farthest]:.2f} {units[farthest]} ({farthest})"


def describe_shift(shifted: Sequence[str]) -> str:
    """Return the columns with a lasting shift as the end of a text; empty if there are none."""
    return f", shifted for ten windows: {' '.join(shifted)}" if shifted else ""
