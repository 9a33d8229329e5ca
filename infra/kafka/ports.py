"""Whether ports of this machine are free."""

from __future__ import annotations  # infra.preflight uses this on any Python 3.8+

import socket
import time

from infra.kafka import BrokerError

_LEAVING_S = 3.0  # a killed broker's port is released shortly after the process ends


def controller_port(port: int) -> int:
    """Return the controller's port, derived so that one variable sets both: 9092 and 9095."""
    return port + 3


def is_taken(port: int) -> bool:
    """Return whether a program listens on this port of 127.0.0.1 or of all addresses."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # ignore connections that have just closed
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def refuse_taken(port: int, use: str = "Kafka, FRAUD_KAFKA_PORT") -> None:
    """Raise BrokerError if a port that Kafka needs is in use, and not released within 3 s."""
    deadline = time.monotonic() + _LEAVING_S
    while is_taken(port):
        if time.monotonic() > deadline:
            raise BrokerError(
                f"port {port} ({use}) is in use by another program; "
                "set FRAUD_KAFKA_PORT to another port"
            )
        time.sleep(0.1)
