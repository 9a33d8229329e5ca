"""Free ports."""

import contextlib
import random
import socket
from collections.abc import Iterator

from infra.kafka import ports


@contextlib.contextmanager
def hold_port(port: int = 0) -> Iterator[int]:
    """Listen on this port of 127.0.0.1, or on any, until the block ends."""
    with socket.create_server(("127.0.0.1", port)) as server:
        yield server.getsockname()[1]


def find_free_port(following: int = 0) -> int:
    """Return a free port of 127.0.0.1 whose next `following` ports are free, too.

    Ports below 32768 are not used for outgoing connections on Linux, so none can take it first.
    """
    while True:
        port = random.randint(20_000, 32_000)
        if not any(ports.find_obstacle(port + i) for i in range(following + 1)):
            return port
