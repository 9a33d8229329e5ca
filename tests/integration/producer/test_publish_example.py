"""examples/publish.py on a real Kafka."""

import os
import subprocess
import sys
from pathlib import Path

from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from support.ports import find_free_port
from support.topic_reader import read_all

from payments.contract import Transaction

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "publish.py"


def publish(connection, *arguments, **changes):
    environment = os.environ | {"FRAUD_TOPIC_PREFIX": connection.topic_prefix} | changes
    return subprocess.run(
        [sys.executable, EXAMPLE, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


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
    limit = ConfigEntry("max.message.bytes", "100", incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(
        ResourceType.TOPIC, connection.full_name("transactions"), incremental_configs=[limit]
    )
    admin = AdminClient(connection.make_client_config())  # keep it: its requests end with it
    for altered in admin.incremental_alter_configs([topic]).values():
        altered.result()
    done = publish(connection, connection.bootstrap_servers)
    assert (done.returncode, done.stdout) == (1, "")
    assert "transactions refused it: Broker: Message size too large" in done.stderr
