"""examples/publish.py on a real Kafka."""

import os
import sys

from support.commands import run
from support.data.transactions import Transaction
from support.paths import ROOT
from support.ports import find_free_port
from support.topic_changes import alter_topic
from support.topic_reader import read_all

EXAMPLE = ROOT / "examples" / "publish.py"


def publish(connection, *arguments, **changes):
    environment = os.environ | {"FRAUD_TOPIC_PREFIX": connection.topic_prefix} | changes
    return run([sys.executable, EXAMPLE, *arguments], env=environment)


def test_it_publishes_a_transaction_with_the_settings_in_the_properties_file(connection, tmp_path):
    file = tmp_path / "client.properties"
    file.write_text(f"# of a test\n\nbootstrap.servers = {connection.bootstrap_servers}\n")
    done = publish(connection, f"127.0.0.1:{find_free_port()}", FRAUD_KAFKA_CONFIG=str(file))
    assert done.returncode == 0, done.stderr
    [message] = read_all(connection, "transactions", 1)
    found = Transaction.model_validate_json(message.value())
    assert message.key().decode() == found.account_id
    assert (
        done.stdout
        == f"{message.topic()}[{message.partition()}]@{message.offset()}: {found.transaction_id}\n"
    )


def test_a_refused_transaction_is_a_failure(connection):
    alter_topic(connection, "transactions", {"max.message.bytes": "100"})
    done = publish(connection, connection.bootstrap_servers)
    assert (done.returncode, done.stdout) == (1, "")
    assert "transactions refused it: Broker: Message size too large" in done.stderr
