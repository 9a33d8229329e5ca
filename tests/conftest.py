"""Fixtures: a real Kafka, topics, the dataset and the model.

Tests that need a broker are never skipped: they fail if none can be started.
"""

import contextlib
import json
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml
from confluent_kafka.admin import AdminClient
from support.data.transactions import CREDITCARD
from support.paths import JARS
from support.ports import find_free_port

import cli.main
from cli.commands.train import train_model
from cli.support.settings import Settings
from infra.kafka import IMAGE, engine, ready
from infra.kafka.launcher import LocalBroker
from model.artefact import Model
from producer import dataset
from streams.kafka import topic_admin, topics
from streams.kafka.connection import Connection

# In the background of a shell, SIGINT is ignored. Processes that tests start would inherit that,
# and Ctrl-C could not be tested.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Test brokers live for minutes at most. Without the optimizing compiler, a start takes 4 s of CPU
# instead of 7.5.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")

# A shared machine may be slow, and properties hold at any speed.
hypothesis.settings.register_profile(
    "shared", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("shared")

ROOT = Path(__file__).resolve().parent.parent
PARTITIONS = 4
START_TIMEOUT_S = 90
# A space, a comma, a colon and letters beyond Latin-1: each has a meaning in a setting of Kafka
HOME_NAME = "my home, a:b żółw"
LONG = os.environ.get("FRAUD_TESTS") == "long"
# the slowest first, so that parallel workers finish at about the same time
TIERS = ("containers", "chaos", "e2e", "integration", "contract", "unit")


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark of tests that take minutes."""
    config.addinivalue_line(
        "markers", "long: run only by `make chaos` and `make docs-test` (FRAUD_TESTS=long)"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the tests by tier, and deselect the long ones unless FRAUD_TESTS=long."""
    left = [] if LONG else [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]
    items.sort(key=lambda item: TIERS.index(item.path.relative_to(ROOT / "tests").parts[0]))


@contextlib.contextmanager
def run_container() -> Iterator[str]:
    """Run Kafka in a container.

    Its host port is chosen beforehand, because the broker tells clients its address.
    """
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer

    # Ryuk, the container that cleans up after a killed test run, needs another image
    testcontainers_config.ryuk_disabled = (
        testcontainers_config.ryuk_disabled
        or not engine.obtain_image(testcontainers_config.ryuk_image)
    )
    port = find_free_port()
    kafka = DockerContainer(IMAGE, env=read_container_settings(port))
    kafka.ports["9092/tcp"] = ("127.0.0.1", port)
    with kafka:
        servers = f"127.0.0.1:{port}"
        if not ready.wait(servers, START_TIMEOUT_S):
            log = kafka.get_logs()[0].decode()[-4000:]
            pytest.fail(f"Kafka in a container did not answer within {START_TIMEOUT_S} s:\n{log}")
        yield servers


def read_container_settings(port: int) -> dict[str, str]:
    """Return the broker's settings in docker-compose.yml, with this port for clients."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return {
        name: value.replace("${FRAUD_KAFKA_PORT:-9092}", str(port))
        for name, value in services["kafka"]["environment"].items()
    }


@contextlib.contextmanager
def run_local_broker(home: Path) -> Iterator[LocalBroker]:
    """Run Kafka without a container, on free ports and with its data in `home`."""
    broker = LocalBroker(home, port=find_free_port(following=3), jars_folder=JARS)
    try:
        broker.start(say=print)
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap servers of a real Kafka.

    It is the configured one with FRAUD_TEST_ON=1; otherwise it runs in a container if possible, or
    from its jars.
    """
    given = os.environ.get("FRAUD_BOOTSTRAP_SERVERS")
    if given and os.environ.get("FRAUD_TEST_ON") == "1":
        yield given
    elif engine.obtain_image(IMAGE):
        with run_container() as servers:
            yield servers
    else:
        with run_local_broker(tmp_path_factory.mktemp("kafka") / HOME_NAME) as started:
            yield started.bootstrap_servers


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[LocalBroker]:
    """A broker for one test, which may stop and kill it."""
    with run_local_broker(tmp_path / HOME_NAME) as started:
        yield started


@pytest.fixture
def own_connection(own_broker: LocalBroker) -> Connection:
    """A connection to topics on `own_broker`."""
    own = Connection(own_broker.bootstrap_servers)
    topic_admin.create(own, partitions=PARTITIONS)
    return own


@contextlib.contextmanager
def create_topics(broker: str) -> Iterator[Connection]:
    """Create topics under a random prefix, yield their connection, and delete them afterwards."""
    own = Connection(broker, topic_prefix=f"t{secrets.token_hex(4)}.")
    topic_admin.create(own, partitions=PARTITIONS)
    yield own
    admin = AdminClient(own.make_client_config())  # keep it: its requests end with it
    for deleted in admin.delete_topics(
        [own.qualify(topic.name) for topic in topics.TOPICS]
    ).values():
        deleted.result()


@pytest.fixture
def connection(broker: str) -> Iterator[Connection]:
    """Topics for one test."""
    with create_topics(broker) as own:
        yield own


@pytest.fixture(scope="module")
def module_connection(broker: str) -> Iterator[Connection]:
    """Topics that the tests of a module share."""
    with create_topics(broker) as own:
        yield own


@pytest.fixture(scope="session")
def creditcard() -> Path:
    """The dataset: FRAUD_DATA, or the user's cache, which is filled once."""
    settings = Settings.from_environment()
    return dataset.fetch(settings.cache, settings.data, lambda _done, _total: None)


@pytest.fixture(scope="session")
def model(creditcard: Path) -> Model:
    """The current model as the commands find it; it is trained if missing."""
    settings = Settings.from_environment()
    if not settings.model.exists():
        train_model(settings, creditcard, quiet=True)
    return Model.load(settings.model, CREDITCARD)


@dataclass
class FraudRunner:
    """Runs `fraud` in this process, with these first arguments."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture
    first: tuple[str, ...] = ()

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        """Return the exit code, the output and the errors."""
        self.monkeypatch.setattr(sys, "argv", ["fraud", *map(str, (*self.first, *arguments))])
        with pytest.raises(SystemExit) as stopped:
            cli.main.main()
        return stopped.value.code, *self.capsys.readouterr()

    def succeed(self, *arguments: object) -> str:
        """Return the output."""
        code, printed, errors = self(*arguments)
        assert (code, errors) == (0, "")
        return printed

    def fail(self, *arguments: object, code: int = 1) -> str:
        """Return the error, which is one line."""
        ended, printed, errors = self(*arguments)
        assert (ended, printed, errors.count("\n")) == (code, "", 1)
        return errors

    def read_json(self, *arguments: object) -> Any:
        """Return the decoded output of the command with --json."""
        return json.loads(
            self.succeed(*arguments, "--json"),
            parse_constant=lambda name: pytest.fail(f"{name} is no JSON"),
        )


@pytest.fixture
def run_fraud(monkeypatch, capsys):
    return FraudRunner(monkeypatch, capsys)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A temporary FRAUD_HOME."""
    monkeypatch.setenv("FRAUD_HOME", str(tmp_path))
    return tmp_path
