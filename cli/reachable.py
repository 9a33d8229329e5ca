"""Whether a broker answers, found out before a command relies on it: soon, and with Ctrl-C at any moment."""

from streams.connection import Connection

_ANSWER_S = 5.0  # a broker that is up answers within milliseconds; the clients' own limits are made for outages


def reachable(connection: Connection) -> Connection:
    """The connection, once a broker answers there. Raises KafkaException when none does within 5 s."""
    from confluent_kafka.admin import AdminClient

    # Not `list_topics`: a call that waits inside the client library takes no Ctrl-C, a future does.
    admin = AdminClient(connection.config())  # to be kept: its requests end with it
    admin.describe_cluster(request_timeout=_ANSWER_S).result()
    return connection
