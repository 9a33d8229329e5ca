"""How every client reaches the cluster: addresses, credentials and the prefix of names."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# librdkafka logs a fatal error whatever its log_level; the code that gets the error reports it.
_SILENT = logging.Logger("librdkafka", logging.CRITICAL + 1)

# Nagle's algorithm delays a small request until the one before it is acknowledged, and a
# transaction consists of small requests. Without it, the median from sending to a committed
# prediction at 2,000/s fell from 35 to 27 ms, the 99th percentile from 70 to 53 ms
# (docs/decisions/0011).
_CLIENT: dict[str, Any] = {"log_level": 2, "socket.nagle.disable": True}

SERVERS = ("bootstrap.servers", "metadata.broker.list")
"""The names of the addresses' property."""

# Exactly-once delivery, the order of an account's records and the detection of outages depend on
# these properties. FRAUD_KAFKA_CONFIG may only repeat the value given here; "" is none.
FIXED = {
    "auto.offset.reset": "",
    "delivery.report.only.error": "",
    "delivery.timeout.ms": "",
    "enable.auto.commit": "false",
    "enable.idempotence": "true",
    "enable.partition.eof": "",
    "group.id": "",
    "group.instance.id": "",
    "group.protocol": "classic",
    "group.remote.assignor": "",
    "isolation.level": "read_committed",
    "message.max.bytes": "",
    "message.timeout.ms": "",
    "partition.assignment.strategy": "cooperative-sticky",
    "partitioner": "murmur2_random",
    "statistics.interval.ms": "",
    "transaction.timeout.ms": "",
    "transactional.id": "",
    # not librdkafka's: confluent-kafka takes Python objects under these names
    "default.topic.config": "",
    "error_cb": "",
    "logger": "",
    "oauth_cb": "",
    "on_commit": "",
    "on_delivery": "",
    "stats_cb": "",
    "throttle_cb": "",
}

READER_GROUP = "fraud-reader"  # librdkafka requires a group id even if a consumer joins no group


@dataclass(frozen=True)
class Connection:
    """Bootstrap servers, name prefix, and librdkafka properties, such as those for SASL and TLS.

    The prefix goes before every topic, group and transactional id. The properties take precedence
    over the settings of each client; they hold none of FIXED.
    """

    bootstrap_servers: str
    topic_prefix: str = ""
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold a password

    def qualify(self, name: str) -> str:
        """Return the full name of a topic, group or transactional id on this cluster."""
        return self.topic_prefix + name

    def make_client_config(self, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return a librdkafka configuration for any client."""
        return {
            **_CLIENT,
            **(settings or {}),
            **self.properties,
            "bootstrap.servers": self.bootstrap_servers,
        }

    def make_reader_config(
        self, group: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return settings of a consumer that sees only committed records and never auto-commits.

        Without a group it may only `assign`. Java's tools and Faust read uncommitted records by
        default; nothing here does.
        """
        own = {
            "group.id": self.qualify(group or READER_GROUP),
            "isolation.level": FIXED["isolation.level"],
            "enable.auto.commit": FIXED["enable.auto.commit"],
        }
        return self.make_client_config(own | dict(settings or {}))

    def make_writer_config(self, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return settings of an idempotent producer that partitions keys as Java's clients do.

        What the system writes is compressed, except `transactions`: see streams.kafka.topics.
        """
        own = {
            "compression.type": "lz4",
            "enable.idempotence": FIXED["enable.idempotence"],
            "partitioner": FIXED["partitioner"],
            "logger": _SILENT,
        }
        return self.make_client_config(own | dict(settings or {}))
