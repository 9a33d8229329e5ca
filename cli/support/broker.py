"""Check that a broker answers before a command needs it: quickly, and interruptible by Ctrl-C."""

from streams.kafka.connection import Connection

# A running broker answers within milliseconds; the clients' timeouts are for outages.
_ANSWER_S = 5.0


def ensure_reachable(connection: Connection) -> Connection:
    """Return the connection once a broker accepts it.

    Raises RefusedError, or KafkaException if no broker answers within 5 s.
    """
    from streams.kafka.auth import connect_admin

    connect_admin(connection, _ANSWER_S)
    return connection
