"""Whether ports of this machine are free."""

from __future__ import annotations  # infra.preflight uses this on any Python 3.8+

import errno
import socket
import time

from infra.kafka import BrokerError

_LISTENER = "is in use by another program"
_OUTGOING = "is the local end of another program's connection, which may close soon"
_ACCEPT_S = 1.0
_LEAVING_S = 3.0  # a killed broker's port is released shortly after the process ends


def derive_controller_port(port: int) -> int:
    """Return the controller's port, derived so that one variable sets both: 9092 and 9095."""
    return port + 3


def is_taken(port: int) -> bool:
    """Return whether a program listens on this port of 127.0.0.1 or of all addresses."""
    return find_obstacle(port) == _LISTENER


def find_obstacle(port: int) -> str | None:
    """Return why no program can listen on this port of 127.0.0.1 now, or None if one can."""
    with socket.socket() as probe:
        # ignore connections that have just closed
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return f"cannot be used: {error.strerror}"
        else:
            return None
    return _LISTENER if _accepts(port) else _OUTGOING


def _accepts(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(_ACCEPT_S)
        try:
            client.connect(("127.0.0.1", port))
        except ConnectionRefusedError:
            return False
        except OSError:  # no answer in time: its queue is full
            return True
        # the system may have given the client this very port, and connected it to itself
        return bool(client.getsockname() != client.getpeername())


def refuse_taken(port: int, use: str = "Kafka, FRAUD_KAFKA_PORT") -> None:
    """Raise BrokerError if Kafka cannot listen on a port that it needs, even 3 s later."""
    deadline = time.monotonic() + _LEAVING_S
    while obstacle := find_obstacle(port):
        if time.monotonic() > deadline:
            raise BrokerError(
                f"port {port} ({use}) {obstacle}; set FRAUD_KAFKA_PORT to another port"
            )
        time.sleep(0.1)
