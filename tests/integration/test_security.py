"""A Kafka that wants TLS, a password and a right for everything: each part works with its own rights, and says what it lacks."""

import json
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import creditcard
import pytest
from confluent_kafka import Producer
from monitoring import running
from scorers import environment, scorer
from secured import Secured, secured_broker
from support import read_all, transaction_bytes, wait_for

from streams import rights, topics
from streams.connection import Connection

ROOT = Path(__file__).resolve().parents[2]
ROWS = 60


@dataclass
class Office:
    """Hands out users with rights, runs commands as one of them, and keeps all that they have printed."""

    broker: Secured
    printed: list[str] = field(default_factory=list)

    def user(self, *roles: str, without: frozenset[rights.Right] = frozenset()) -> Connection:
        name = f"{'-'.join(roles)}-{secrets.token_hex(2)}"
        connection = self.broker.user(name)
        wanted = {binding for role in roles for binding in rights.bindings(connection, role, name)}
        wanted -= {binding for role in roles for binding in rights.bindings(connection, role, name) if binding.name in without}
        for made in self.broker.client.create_acls(list(wanted)).values():
            made.result()
        return connection

    def variables(self, user: Connection, **changes: str) -> dict[str, str]:
        return {"FRAUD_KAFKA_CONFIG": str(self.broker.config_file(user)), **changes}

    def fraud(self, user: Connection, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "cli.main", *arguments]
        given = environment(user, **self.variables(user, **variables))
        done = subprocess.run(command, env=given, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        self.printed += [done.stdout, done.stderr]
        return done


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    with secured_broker(tmp_path_factory.mktemp("secured")) as broker:
        yield Office(broker)


@pytest.fixture(scope="module")
def cluster(office):
    """The office, once a user who may do only that has created the topics."""
    done = office.fraud(office.user("topics"), "topics", "--partitions", "2")
    assert (done.returncode, done.stderr) == (0, "")
    return office


def publish(user: Connection, values: list[bytes]) -> None:
    producer = Producer(user.writer())
    for value in values:
        producer.produce(user.named(topics.TRANSACTIONS), value, b"key")
    assert producer.flush(30) == 0


def test_each_part_works_with_its_own_rights(cluster, model, tmp_path):
    rows = creditcard.write(tmp_path / "rows.csv", [creditcard.row(i) for i in range(ROWS)])
    scoring, replaying, proving = cluster.user("score"), cluster.user("replay"), cluster.user("ledger")
    with scorer(scoring, **cluster.variables(scoring)):
        sent = cluster.fraud(replaying, "replay", "--labels", "--label-delay", "0s", "--rate", "0", FRAUD_DATA=str(rows))
        assert (sent.returncode, sent.stderr) == (0, "")
        publish(replaying, [b"no transaction", transaction_bytes(1, V3=-9, V4=9, V10=-9, V11=9, V12=-9, V14=-15, V17=-9)])
        assert len(read_all(proving, topics.PREDICTIONS, ROWS + 1)) == ROWS + 1
        read_all(proving, topics.DEAD_LETTERS, 1)
    proof = json.loads(cluster.fraud(proving, "ledger", "--json").stdout)
    assert (proof["sent"], proof["lost"], proof["duplicated"]) == (ROWS + 2, 0, 0)
    assert '"transaction_id":"t-1"' in cluster.fraud(cluster.user("alerts"), "alerts", "--json").stdout
    assert json.loads(cluster.fraud(cluster.user("dlq"), "dlq", "redrive", "--all", "--json").stdout)["sent"] == 1
    with running(cluster.user("monitor"), tmp_path, idle_close=1.0) as monitor:
        wait_for(lambda: monitor.windows or monitor.failure, 30, "a window is closed")
    assert monitor.failure is None
