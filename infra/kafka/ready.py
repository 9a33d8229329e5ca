"""Wait for a broker to answer metadata requests; its port accepts connections before that."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

_ATTEMPT_S = 1.0


def answers(
    bootstrap_servers: str, timeout: float = _ATTEMPT_S, properties: Mapping[str, Any] | None = None
) -> bool:
    """Return whether a broker answers a metadata request within `timeout` seconds.

    `properties`: librdkafka's, for SASL and TLS.
    """
    # log_level 0: do not print the connections that a starting broker refuses
    quick = {
        "bootstrap.servers": bootstrap_servers,
        "log_level": 0,
        "reconnect.backoff.max.ms": 250,
    }
    admin = AdminClient({**(properties or {}), **quick})
    try:
        return bool(admin.list_topics(timeout=timeout).brokers)
    except KafkaException:
        return False


def wait(
    bootstrap_servers: str,
    timeout: float,
    alive: Callable[[], bool] = lambda: True,
    properties: Mapping[str, Any] | None = None,
) -> bool:
    """Wait for the broker to answer; return False after `timeout` seconds or if it ends."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if answers(bootstrap_servers, properties=properties):
            return True
        if not alive():
            return False
    return False
