"""The clock of long-running processes, passed as an argument so that tests can replace it."""

from datetime import UTC, datetime, timedelta

# A transaction's timestamp is from the broker's clock (or its sender's, streams.kafka.topics), an
# output's from the scorer's, which may be behind. Kerberos tolerates the same difference (RFC 4120,
# section 8.2).
CLOCK_DIFFERENCE = timedelta(minutes=5)


def get_utc_now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)
