"""A drift verdict in words."""

from collections.abc import Mapping


def in_words(detected: bool | None, score: float, stuck: Mapping[str, float]) -> str:
    """The same for a closed window, in a report and for one: drift by what, where no column is over its threshold."""
    if not detected:
        return "no drift"
    if still := [name for name, ratio in stuck.items() if ratio >= 1]:
        return f"DRIFT, {', '.join(still)} stuck at one value"
    return "DRIFT" if score else "DRIFT in the tail of the scores"
