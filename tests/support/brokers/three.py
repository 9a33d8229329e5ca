"""Run three Kafka brokers that replicate everything three times, so that one of them may die."""

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.kafka import topic_admin
from streams.kafka.connection import Connection
from support.paths import JARS, ROOT
from support.ports import find_free_port
from support.waiting import wait_for

_NODES = (1, 2, 3)
_CLUSTER = "dGhyZWUtYnJva2Vycy0wMQ"  # any 16 bytes in base64; the nodes must agree
_JAVA = [
    "java",
    *("-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),  # they start together
    f"-Dlog4j2.configurationFile={ROOT / 'infra' / 'kafka' / 'log4j2.properties'}",
    "-cp",
    f"{JARS}/*",
]
_SETTINGS = """
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=3
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=3
transaction.state.log.num.partitions=3
transaction.state.log.min.isr=2
group.initial.rebalance.delay.ms=0
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
"""


@dataclass
class ThreeBrokers:
    """The running brokers, by node id."""

    connection: Connection
    processes: dict[int, subprocess.Popen]

    def kill(self, node: int) -> None:
        """End a broker with SIGKILL."""
        self.processes[node].kill()
        self.processes[node].wait(30)

    def find_coordinator(self, group: str) -> int:
        """Return the node that coordinates a consumer group."""
        admin = AdminClient(self.connection.make_client_config())
        name = self.connection.qualify(group)
        return admin.describe_consumer_groups([name])[name].result().coordinator.id


def _write_settings(folder: Path, node: int, ports: dict[int, int]) -> Path:
    voters = ",".join(f"{each}@127.0.0.1:{port + 1}" for each, port in ports.items())
    path = folder / f"node-{node}.properties"
    path.write_text(
        _SETTINGS.format(
            node=node,
            voters=voters,
            port=ports[node],
            controller=ports[node] + 1,
            data=folder / f"data-{node}",
        )
    )
    return path


def _count_nodes(connection: Connection) -> int:
    admin = AdminClient(connection.make_client_config())
    with contextlib.suppress(KafkaException):
        return len(admin.describe_cluster(request_timeout=2).result().nodes)
    return 0


@contextlib.contextmanager
def run_three_brokers(folder: Path) -> Iterator[ThreeBrokers]:
    """Run three brokers until the block ends. Their topics are created with three replicas."""
    first = find_free_port(following=5)
    ports = {node: first + 2 * index for index, node in enumerate(_NODES)}
    settings = {node: _write_settings(folder, node, ports) for node in _NODES}
    formats = [
        subprocess.Popen(
            [*_JAVA, "kafka.tools.StorageTool", "format", f"--cluster-id={_CLUSTER}", "-c", path]
        )
        for path in settings.values()
    ]
    assert [process.wait(120) for process in formats] == [0, 0, 0]
    processes = {}
    try:
        for node, path in settings.items():
            with (folder / f"node-{node}.log").open("wb") as log:
                processes[node] = subprocess.Popen(
                    [*_JAVA, "kafka.Kafka", path], stdout=log, stderr=log
                )
        servers = ",".join(f"127.0.0.1:{port}" for port in ports.values())
        connection = Connection(servers)
        wait_for(lambda: _count_nodes(connection) == 3, 120, "three brokers answer")
        topic_admin.create(connection, partitions=4, replication=3)
        yield ThreeBrokers(connection, processes)
    finally:
        for process in processes.values():
            process.kill()
            process.wait(30)
