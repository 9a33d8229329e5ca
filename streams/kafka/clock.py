"""The clock of the processes that run for long; what they hand it to takes it as an argument, so that a test can bring its own."""

from datetime import UTC, datetime, timedelta

# A record's time is its sender's clock, an output's the scorer's, which may be behind. Kerberos (RFC 4120, 8.2) allows as much.
CLOCK_DIFFERENCE = timedelta(minutes=5)


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)
