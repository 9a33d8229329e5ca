"""Kafka's JSON deserializer for Java, Jackson, reads accepted transactions to the same numbers."""

import json
import random
import subprocess

from fuzz import damage
from support.paths import JARS
from support.programs import require_program
from support.publishing import publish
from support.soundness import FIELDS, check_decoding

from infra.kafka import jars
from payments.contract import INPUTS
from payments.json_limits import MAX_NAME_LENGTH, MAX_NESTING, MAX_NUMBER_LENGTH

_DAMAGED = 20_000  # about one in ten is still a transaction
_TRANSACTION = json.dumps(FIELDS)


def _add_field(name, text):
    """Return a transaction with one more field, which is ignored."""
    return f'{_TRANSACTION[:-1]}, "{name}": {text}}}'.encode()


AT_A_LIMIT = [
    _add_field("x", "[" * (MAX_NESTING - 1) + "]" * (MAX_NESTING - 1)),
    _add_field("x", "1" * MAX_NUMBER_LENGTH),
    _add_field("x", "-1." + "1" * (MAX_NUMBER_LENGTH - 3)),
    _add_field("x", "1e" + "9" * (MAX_NUMBER_LENGTH - 2)),
    _add_field("n" * MAX_NAME_LENGTH, "1"),
]


def test_jackson_reads_every_accepted_transaction(module_connection):
    require_program("java")
    jars.fetch(JARS, print)
    rng = random.Random()
    accepted = [
        value
        for value in (damage(rng) for _ in range(_DAMAGED))
        if check_decoding(value) == "accepted"
    ]
    assert len(accepted) > _DAMAGED / 50
    assert [check_decoding(value) for value in AT_A_LIMIT] == ["accepted"] * len(AT_A_LIMIT)
    accepted += AT_A_LIMIT
    publish(module_connection, "transactions", accepted, partition=0)  # one, in order
    console_consumer = "org.apache.kafka.tools.consumer.ConsoleConsumer"
    deserializer = "value.deserializer=org.apache.kafka.connect.json.JsonDeserializer"
    command = [
        *(require_program("java"), "-cp", f"{JARS}/*", console_consumer),
        *("--bootstrap-server", module_connection.bootstrap_servers),
        *("--topic", module_connection.qualify("transactions")),
        *("--from-beginning", "--max-messages", str(len(accepted)), "--timeout-ms", "60000"),
        *("--formatter-property", deserializer),
    ]
    done = subprocess.run(command, capture_output=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    lines = done.stdout.split(b"\n")[:-1]
    assert len(lines) == len(accepted), done.stderr.decode(errors="replace")[-2000:]
    for line, value in zip(lines, accepted, strict=True):
        received = json.loads(line)
        sent = json.loads(value)
        assert received["transaction_id"] == sent["transaction_id"]
        for name in INPUTS:
            assert float(received[name]) == float(sent[name]), value
