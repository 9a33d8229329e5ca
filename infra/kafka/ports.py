"""Ports of this machine: free or taken, and the one line that says so."""

import socket

from infra.kafka import BrokerError


def controller(port: int) -> int:
    """The controller's port, derived so that one variable moves both: 9092 and 9095."""
    return port + 3


def taken(port: int) -> bool:
    """Whether a program listens on this port of 127.0.0.1 or of all addresses."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have just ended do not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def refuse_taken(port: int, use: str = "Kafka, FRAUD_KAFKA_PORT") -> None:
    """Raises BrokerError when another program holds a port that Kafka needs."""
    if taken(port):
        raise BrokerError(f"port {port} ({use}) is taken by another program; set FRAUD_KAFKA_PORT to another port")
