"""The clock of the processes that run for long; what they hand it to takes it as an argument, so that a test can bring its own."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)
