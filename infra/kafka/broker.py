"""Choose the Kafka to start: the one started before, a container, or the jars."""

from pathlib import Path

from infra.kafka import IMAGE, BrokerError, compose, engine
from infra.kafka.compose import ContainerBroker
from infra.kafka.home import HomeBroker
from infra.kafka.launcher import LocalBroker


def find(home: Path) -> HomeBroker | None:
    """Return the broker that was started for this home and not stopped since."""
    return LocalBroker.find(home) or ContainerBroker.find(home)


def choose(home: Path, port: int) -> HomeBroker:
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
    # an installed package has no compose file
    if compose.FILE.exists() and engine.find_compose_command() and engine.obtain_image(IMAGE):
        return ContainerBroker(home, port)
    return LocalBroker(home, port)
