"""Connect to the cluster, and fail at once if it refuses this user.

librdkafka keeps retrying refused credentials, as it does with a broker that is down; only its
error callback tells the two apart.
"""

import logging
import threading
from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from streams.kafka.connection import Connection
from streams.kafka.errors import (
    RefusedError,
    TopicMissingError,
    classify_refusal,
    is_transient,
    shorten,
)
from streams.kafka.retry import retry_until
from streams.kafka.topic_admin import refuse_unsafe

log = logging.getLogger(__name__)

# A running broker answers within milliseconds; the clients' own timeouts are made for outages.
_ANSWER_S = 5.0
_POLL_S = 0.05
_RETRY_S = 1.0


def connect_admin(connection: Connection, timeout: float = _ANSWER_S) -> AdminClient:
    """Return an admin client that the cluster has accepted.

    Raises RefusedError; KafkaException, with the client's last error, if no broker answers within
    `timeout` seconds.
    """
    refusals: list[RefusedError] = []
    last: list[KafkaError] = []

    def on_error(error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # which only follows from the others
            last[:] = [error]
        refused = classify_refusal(error, connection.bootstrap_servers)
        if refused:
            refusals.append(refused)

    admin = AdminClient(connection.make_client_config({"error_cb": on_error}))
    # Not `list_topics`: it blocks inside the client library, which then neither reacts to Ctrl-C
    # nor runs callbacks. `poll` does both.
    answer = admin.describe_cluster(request_timeout=timeout)
    while not answer.done() and not refusals:
        admin.poll(_POLL_S)
    if refusals:
        raise refusals[0]
    try:
        answer.result()
    except KafkaException as error:
        if not last or not is_transient(error):
            raise
        raise KafkaException(KafkaError(error.args[0].code(), shorten(last[0]))) from None
    return admin


def wait_for_topics(connection: Connection, names: Iterable[str], stop: threading.Event) -> None:
    """Return once the cluster answers and has the topics, or once `stop` is set.

    Raises RefusedError, TopicMissingError, TopicMismatchError if one may lose or refuse records,
    KafkaException.
    """
    wanted = tuple(names)
    warned = False

    def on_retry(error: KafkaError) -> None:
        nonlocal warned
        if not warned:
            log.warning("waiting for Kafka at %s: %s", connection.bootstrap_servers, error.str())
            warned = True

    def check() -> None:
        admin = connect_admin(connection)
        existing = admin.list_topics(timeout=_ANSWER_S).topics.keys()
        missing = {connection.qualify(name) for name in wanted} - existing
        if missing:
            raise TopicMissingError(sorted(missing))
        refuse_unsafe(admin, connection, wanted)

    retry_until(stop, check, on_retry, _RETRY_S)
