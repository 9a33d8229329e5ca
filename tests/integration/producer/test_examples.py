"""The examples on a real Kafka; test_publish_example.py tests the options of publish.py."""

import shutil
import signal
import subprocess
import sys

import pytest
from support.commands import make_environment
from support.data.transactions import Transaction
from support.paths import JARS, ROOT
from support.programs import require_program
from support.publishing import open_transactional
from support.topic_reader import read_all

from infra.kafka import jars

EXAMPLES = ROOT / "examples"
ALERT = (ROOT / "docs" / "contract" / "examples" / "alert.json").read_bytes().strip()


@pytest.fixture(scope="module")
def variables(module_connection):
    """The environment of the examples; `alerts` holds an aborted alert and then a committed one."""
    producer = open_transactional(module_connection)
    for identifier, end in (
        (b"aborted", producer.abort_transaction),
        (b"t-1", producer.commit_transaction),
    ):
        producer.begin_transaction()
        producer.produce(
            module_connection.qualify("alerts"),
            ALERT.replace(b'"t-1"', b'"%s"' % identifier),
            "account-7",
        )
        producer.flush()  # it is on the topic, committed or not
        end()
    return make_environment(module_connection)


@pytest.fixture(params=["kcat.sh", "console-tools.sh"])
def script(request):
    """One of the scripts, once its requirements are met."""
    if request.param == "kcat.sh":
        require_program("kcat")
    elif not shutil.which("kafka-console-consumer.sh"):
        require_program("java")
        jars.fetch(JARS, print)
    return EXAMPLES / request.param


def run(variables, *command):
    done = subprocess.run(command, env=variables, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_a_script_publishes_a_valid_transaction_to_the_same_partition_as_our_clients(
    variables, script, module_connection
):
    before = len(read_all(module_connection, "transactions", 0))
    run(variables, script, "publish")
    run(variables, sys.executable, EXAMPLES / "publish.py", module_connection.bootstrap_servers)
    messages = read_all(module_connection, "transactions", before + 2)
    assert {message.key() for message in messages} == {b"account-7"}
    assert len({message.partition() for message in messages}) == 1
    assert "t-1" in {
        Transaction.model_validate_json(message.value()).transaction_id for message in messages
    }


def test_a_script_prints_only_the_committed_alert(variables, script):
    end = ("--max-messages", "1") if script.name == "console-tools.sh" else ()
    assert run(variables, script, "alerts", *end).splitlines() == [ALERT]


def test_consume_prints_only_the_committed_alert(variables, module_connection):
    command = [sys.executable, EXAMPLES / "consume.py", module_connection.bootstrap_servers]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as process:
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert first.startswith("t-1: block, ")
    assert "V14 +4.50" in first
