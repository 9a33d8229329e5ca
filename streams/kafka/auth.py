"""Whether the cluster lets this connection in: found out before anything relies on it.

librdkafka tries refused credentials again for ever, as it does with a broker that is away; only its error callback tells the two apart.
"""

import logging
import re
import threading
from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from streams.kafka.cluster import REFUSED, TopicMissingError
from streams.kafka.connection import Connection

log = logging.getLogger(__name__)

_ANSWER_S = 5.0  # a broker that is up answers within milliseconds; the clients' own limits are made for outages
_POLL_S = 0.05
_RETRY_S = 1.0
# What librdkafka (2.16) calls failed authentication, too: a connection that breaks meanwhile (rd_kafka_broker_handle_SaslHandshake), and
# a token server that is away while the last token is good
_PASSING = ("handshake failed: Local: ", "Failed to acquire SASL OAUTHBEARER token")


class RefusedError(RuntimeError):
    """Credentials, certificates or rights: trying again does not help. The text says what was refused and what to do."""


def refusal(error: KafkaError, servers: str = "") -> RefusedError | None:
    """What an error of a client means, if it is about credentials, certificates or rights."""
    # without "sasl_ssl://host:9092/bootstrap: " before it, and "(after 322ms in state AUTH_REQ)" or "(after 781 ms)" behind
    said = re.sub(r"^\w+://\S+: | \(after \d+ ?ms[^)]*\)$", "", error.str())
    at = f"Kafka at {servers}" if servers else "Kafka"
    if error.code() == KafkaError._SSL:
        return RefusedError(f"no TLS with {at}: {said}; see the ssl.* lines of FRAUD_KAFKA_CONFIG")
    if any(text in said for text in _PASSING):
        return None
    if error.code() in (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED):
        return RefusedError(
            f"{at} refuses the credentials: {said}; see the sasl.* lines of FRAUD_KAFKA_CONFIG"
        )
    if error.code() in REFUSED:
        return RefusedError(
            f"{at} refuses this user a right: {said}; `fraud doctor` lists the rights that are missing"
        )
    return None


def connect_admin(connection: Connection, timeout: float = _ANSWER_S) -> AdminClient:
    """A client that the cluster has let in. Raises RefusedError; KafkaException when no broker answers within `timeout` seconds."""
    refusals: list[RefusedError] = []

    def note(error: KafkaError) -> None:
        found = refusal(error, connection.bootstrap_servers)
        if found:
            refusals.append(found)

    admin = AdminClient(connection.config({"error_cb": note}))
    # Not `list_topics`: a call that waits inside the client library takes no Ctrl-C and calls nobody back, `poll` does both.
    answer = admin.describe_cluster(request_timeout=timeout)
    while not answer.done() and not refusals:
        admin.poll(_POLL_S)
    if refusals:
        raise refusals[0]
    answer.result()
    return admin


def wait_for_topics(connection: Connection, names: Iterable[str], stop: threading.Event) -> None:
    """Returns when the cluster answers and has the topics, or when `stop` is set.

    Raises RefusedError, streams.kafka.cluster.TopicMissingError, KafkaException.
    """
    waited = False
    while not stop.is_set():
        try:
            found = connect_admin(connection).list_topics(timeout=_ANSWER_S).topics
        except KafkaException as error:
            if not error.args[0].retriable() and error.args[0].code() not in (
                KafkaError._TRANSPORT,
                KafkaError._TIMED_OUT,
            ):
                raise
            if not waited:
                log.warning("waiting for Kafka at %s", connection.bootstrap_servers)
                waited = True
            stop.wait(_RETRY_S)
            continue
        missing = {connection.named(name) for name in names} - found.keys()
        if missing:
            raise TopicMissingError(sorted(missing))
        return
