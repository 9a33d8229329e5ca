"""Free ports."""

import random

from infra.kafka import ports


def find_free_port(following: int = 0) -> int:
    """Return a free port of 127.0.0.1 whose next `following` ports are free, too.

    Ports below 32768 are not used for outgoing connections on Linux, so none can take it first.
    """
    while True:
        port = random.randint(20_000, 32_000)
        if not any(ports.find_obstacle(port + i) for i in range(following + 1)):
            return port
