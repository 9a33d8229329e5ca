"""How every client reaches the cluster: one place for addresses, credentials and the prefix of names."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# librdkafka prints a fatal error by itself, whatever its log_level; whoever meets the error says it.
_UNHEARD = logging.Logger("librdkafka", logging.CRITICAL + 1)

# Nagle's algorithm holds a small request back until the one before it is acknowledged, and a transaction is nothing but small requests:
# without it the median from sending to a committed prediction at 2,000/s fell from 35 to 27 ms, the 99th percentile from 70 to 53
# (docs/decisions/0011).
_CLIENT: dict[str, Any] = {"log_level": 2, "socket.nagle.disable": True}

READER_GROUP = "fraud-reader"  # librdkafka wants a group's name even of who joins none


@dataclass(frozen=True)
class Connection:
    """Bootstrap servers, the prefix before every topic, group and transactional id, and librdkafka properties for SASL and TLS."""

    bootstrap_servers: str
    topic_prefix: str = ""
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold a password

    def named(self, name: str) -> str:
        """The name of a topic, group or transactional id on this cluster."""
        return self.topic_prefix + name

    def config(self, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A librdkafka configuration; what librdkafka would print is said by whoever meets the error."""
        return {
            **_CLIENT,
            **self.properties,
            "bootstrap.servers": self.bootstrap_servers,
            **(settings or {}),
        }

    def reader(
        self, group: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """A consumer that sees committed records only and commits nothing by itself.

        Without a group it may only `assign`. Java's tools and Faust read uncommitted records by default; nothing here does.
        """
        own = {
            "group.id": self.named(group or READER_GROUP),
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
        }
        return self.config(own | dict(settings or {}))

    def writer(self, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """An idempotent producer that spreads keys over partitions as Java's clients do."""
        own = {"enable.idempotence": True, "partitioner": "murmur2_random", "logger": _UNHEARD}
        return self.config(own | dict(settings or {}))
