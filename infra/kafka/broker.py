"""Which Kafka: the one that was started here, else a container where Docker has the image, else one from its jars."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from infra.kafka import IMAGE, BrokerError, Status, engine
from infra.kafka.compose import ContainerBroker
from infra.kafka.launcher import LocalBroker


class Broker(Protocol):
    """A Kafka that can be started and stopped. `start` says what it does by calling `say`."""

    port: int
    bootstrap_servers: str
    log: Path

    def alive(self) -> bool:
        """Whether its process or container runs."""

    def status(self) -> Status:
        """Whether it answers."""

    def start(
        self,
        say: Callable[[str], None],
        count: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        """Returns when it answers; does nothing when it already does. `count` takes the bytes of what is downloaded. Raises BrokerError."""

    def stop(self) -> bool:
        """Ends it and waits for its end; False when it was not running. Raises BrokerError."""


def find(home: Path) -> Broker | None:
    """The broker that was started for this home and not stopped since."""
    return LocalBroker.find(home) or ContainerBroker.find(home)


def choose(home: Path, port: int) -> Broker:
    """The broker to start for this home at 127.0.0.1:`port`. May pull the image, for some seconds.

    Raises BrokerError when the one that runs uses another port.
    """
    started = find(home)
    if started and started.port != port and started.alive():
        raise BrokerError(
            f"Kafka already runs at {started.bootstrap_servers}; set FRAUD_KAFKA_PORT={started.port}, or `fraud kafka stop` first"
        )
    if started and started.port == port:
        return started
    if engine.compose_command() and engine.obtain_image(IMAGE):
        return ContainerBroker(home, port)
    return LocalBroker(home, port)
