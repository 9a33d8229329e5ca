"""When is a broker ready? When it answers a metadata request: its port accepts connections earlier than that."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

_ATTEMPT_S = 1.0


def answers(
    bootstrap_servers: str, timeout: float = _ATTEMPT_S, properties: Mapping[str, Any] | None = None
) -> bool:
    """Whether a broker answers a metadata request within `timeout` seconds. `properties` are librdkafka's, for SASL and TLS."""
    # log_level 0: the client would print each refused connection of a broker that is still starting
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
    """Waits until the broker answers; False when `timeout` seconds pass or `alive` says that it has ended."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if answers(bootstrap_servers, properties=properties):
            return True
        if not alive():
            return False
    return False
