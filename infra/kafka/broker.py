"""Choose the Kafka to start: the one started before, a container, or the jars."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from infra.kafka import IMAGE, BrokerError, Status, engine
from infra.kafka.compose import ContainerBroker
from infra.kafka.launcher import LocalBroker


class Broker(Protocol):
    """A Kafka that can be started and stopped. `start` reports its steps to `say`."""

    port: int
    bootstrap_servers: str
    log: Path

    def alive(self) -> bool:
        """Return whether its process or container runs."""

    def status(self) -> Status:
        """Return whether it answers."""

    def start(
        self,
        say: Callable[[str], None],
        count: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        """Start it unless it runs, and return once it answers. Raises BrokerError.

        `count` receives the bytes downloaded and their total.
        """

    def stop(self) -> bool:
        """Stop it and wait for it to end; return whether it was running. Raises BrokerError."""


def find(home: Path) -> Broker | None:
    """Return the broker that was started for this home and not stopped since."""
    return LocalBroker.find(home) or ContainerBroker.find(home)


def choose(home: Path, port: int) -> Broker:
    """Return the broker to start for this home at 127.0.0.1:`port`. May pull the image first.

    Raises BrokerError if the running one uses another port.
    """
    started = find(home)
    if started and started.port != port and started.alive():
        raise BrokerError(
            f"Kafka already runs at {started.bootstrap_servers}; "
            f"set FRAUD_KAFKA_PORT={started.port}, or run `fraud kafka stop` first"
        )
    if started and started.port == port:
        return started
    if engine.compose_command() and engine.obtain_image(IMAGE):
        return ContainerBroker(home, port)
    return LocalBroker(home, port)
