"""A real Apache Kafka on this machine: in a container where Docker's engine answers, else started from its jars."""

from __future__ import annotations  # infra.preflight uses this on any Python 3.8+

from dataclasses import dataclass

VERSION = "4.3.1"
IMAGE = f"apache/kafka:{VERSION}"


class BrokerError(RuntimeError):
    """Kafka could not be had, started or stopped; the text says why and what to do."""


@dataclass(frozen=True)
class Status:
    """What is known of the broker of one home. `running`: it answers. `kind`: container or local; None when none was started."""

    running: bool
    kind: str | None
    bootstrap_servers: str
    detail: str
