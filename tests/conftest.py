"""A real Kafka for every test that asks for one. It is never skipped: where no broker can be had, the test fails."""

import contextlib
import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import yaml
from confluent_kafka.admin import AdminClient
from support.paths import JARS
from support.ports import find_free_port

from cli.commands.train import fit
from cli.support.settings import Settings
from infra.kafka import IMAGE, engine, ready
from infra.kafka.launcher import LocalBroker
from model.artefact import Model
from producer import dataset
from streams.kafka import topics
from streams.kafka.connection import Connection

# A shell that runs the tests in the background has SIGINT ignored, and what tests start would inherit that: Ctrl-C could not be tried.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The brokers of tests live for seconds or minutes: without the optimizing compiler a start takes 4 s of CPU, not 7.5.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")

# A machine that others use too takes its time: what a property says does not depend on it.
hypothesis.settings.register_profile(
    "shared", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("shared")

ROOT = Path(__file__).resolve().parent.parent
PARTITIONS = 4
START_TIMEOUT_S = 90
LONG = os.environ.get("FRAUD_TESTS") == "long"
TIERS = (
    "containers",
    "chaos",
    "e2e",
    "integration",
    "contract",
    "unit",
)  # the long ones first: side by side, all end together then


def pytest_configure(config: pytest.Config) -> None:
    """Tells of the mark of a test that takes minutes."""
    config.addinivalue_line(
        "markers", "long: left to `make chaos` and `make docs-test` (FRAUD_TESTS=long)"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Runs the tests tier by tier, the long ones only where they are asked for."""
    left = [] if LONG else [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]
    items.sort(key=lambda item: TIERS.index(item.path.relative_to(ROOT / "tests").parts[0]))


@contextlib.contextmanager
def container() -> Iterator[str]:
    """Kafka in a container; its host port is chosen beforehand, because the broker tells clients its own address."""
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer

    # the helper container that clears up after a killed test run; it has an image of its own
    testcontainers_config.ryuk_disabled = (
        testcontainers_config.ryuk_disabled
        or not engine.obtain_image(testcontainers_config.ryuk_image)
    )
    port = find_free_port()
    kafka = DockerContainer(IMAGE, env=container_settings(port))
    kafka.ports["9092/tcp"] = ("127.0.0.1", port)
    with kafka:
        servers = f"127.0.0.1:{port}"
        if not ready.wait(servers, START_TIMEOUT_S):
            pytest.fail(
                f"Kafka in a container did not answer within {START_TIMEOUT_S} s:\n{kafka.get_logs()[0].decode()[-4000:]}"
            )
        yield servers


def container_settings(port: int) -> dict[str, str]:
    """The settings of docker-compose.yml, with this port for clients."""
    settings = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["kafka"][
        "environment"
    ]
    return {
        name: value.replace("${FRAUD_KAFKA_PORT:-9092}", str(port))
        for name, value in settings.items()
    }


@contextlib.contextmanager
def local(home: Path) -> Iterator[LocalBroker]:
    """Kafka from its jars on free ports, its data in `home`."""
    broker = LocalBroker(home, port=find_free_port(following=3), jars_folder=JARS)
    try:
        broker.start(say=print)
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap servers of a real Kafka: one that is given, else in a container, else from its jars."""
    given = os.environ.get("FRAUD_BOOTSTRAP_SERVERS")
    if given and os.environ.get("FRAUD_TEST_ON") == "1":
        yield given
    elif engine.obtain_image(IMAGE):
        with container() as servers:
            yield servers
    else:
        with local(tmp_path_factory.mktemp("kafka")) as started:
            yield started.bootstrap_servers


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[LocalBroker]:
    """A broker of the test's own, to be stopped and killed."""
    with local(tmp_path / "kafka") as started:
        yield started


@contextlib.contextmanager
def fresh_topics(broker: str) -> Iterator[Connection]:
    """A connection with a random prefix, the topics created; they are deleted afterwards."""
    own = Connection(broker, topic_prefix=f"t{secrets.token_hex(4)}.")
    topics.create(own, partitions=PARTITIONS)
    yield own
    admin = AdminClient(own.config())  # to be kept: its requests end with it
    for deleted in admin.delete_topics([own.named(topic.name) for topic in topics.TOPICS]).values():
        deleted.result()


@pytest.fixture
def connection(broker: str) -> Iterator[Connection]:
    """Topics of the test's own."""
    with fresh_topics(broker) as own:
        yield own


@pytest.fixture(scope="module")
def module_connection(broker: str) -> Iterator[Connection]:
    """Topics that the tests of a module share."""
    with fresh_topics(broker) as own:
        yield own


@pytest.fixture(scope="session")
def creditcard() -> Path:
    """The dataset: FRAUD_DATA, or the user's cache, into which it is fetched once."""
    settings = Settings.from_environment()
    return dataset.fetch(settings.cache, settings.data, lambda _done, _total: None)


@pytest.fixture(scope="session")
def model(creditcard: Path) -> Model:
    """The model in use, as the commands find it; trained if there is none."""
    settings = Settings.from_environment()
    if not settings.model.exists():
        fit(settings, creditcard, quiet=True)
    return Model.load(settings.model)
