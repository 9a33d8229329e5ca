"""Whether a broker answers, found out before a command relies on it: soon, and with Ctrl-C at any moment."""

from streams.kafka.connection import Connection

_ANSWER_S = 5.0  # a broker that is up answers within milliseconds; the clients' own limits are made for outages


def ensure_reachable(connection: Connection) -> Connection:
    """The connection, once a broker lets it in. Raises RefusedError, and KafkaException when none answers within 5 s."""
    from streams.kafka.auth import connect_admin

    connect_admin(connection, _ANSWER_S)
    return connection
