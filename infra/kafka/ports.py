"""Ports of this machine: free or taken, and the one line that says so."""

from __future__ import annotations  # infra.preflight uses this on any Python 3.8+

import socket
import time

from infra.kafka import BrokerError

_LEAVING_S = 3.0  # a killed broker is gone before the last of its threads lets go of the port


def controller_port(port: int) -> int:
    """The controller's port, derived so that one variable moves both: 9092 and 9095."""
    return port + 3


def is_taken(port: int) -> bool:
    """Whether a program listens on this port of 127.0.0.1 or of all addresses."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # connections that have just ended do not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def refuse_taken(port: int, use: str = "Kafka, FRAUD_KAFKA_PORT") -> None:
    """Raises BrokerError when another program holds a port that Kafka needs, and does not leave it at once."""
    deadline = time.monotonic() + _LEAVING_S
    while is_taken(port):
        if time.monotonic() > deadline:
            raise BrokerError(
                f"port {port} ({use}) is taken by another program; set FRAUD_KAFKA_PORT to another port"
            )
        time.sleep(0.1)
