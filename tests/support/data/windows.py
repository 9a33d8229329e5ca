"""Windows as the monitor publishes them."""

from datetime import UTC, datetime
from typing import Any

from drift.events import WindowClosed

CLOSED_AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def make_window(number: int = 1, *, detected: bool | None = False, **changes: Any) -> WindowClosed:
    """Return a complete window with a verdict, or without one if `detected` is None."""
    fields = {
        "offsets": {},
        "events": 5_000,
        "partial": False,
        "score": None if detected is None else 0.0,
        "report": None,
        "model_version": "v",
        "closed_at": CLOSED_AT,
        "distances": {},
    }
    return WindowClosed(window=number, detected=detected, **(fields | changes))
