"""What the scorer accepts is read by Kafka's own JSON deserializer for Java, which is Jackson, to the same numbers."""

import json
import random
import subprocess

from confluent_kafka import Producer
from fuzz import damaged
from support.paths import JARS
from support.programs import require_program
from support.soundness import FIELDS, sound

from infra.kafka import jars
from payments.contract import INPUTS
from payments.records import MAX_NAME_LENGTH, MAX_NESTING, MAX_NUMBER_LENGTH

_DAMAGED = 20_000  # of which about one in ten is a transaction still
_TRANSACTION = json.dumps(FIELDS)


def _with(name: str, text: str) -> bytes:
    """A transaction with one more field, which nobody reads."""
    return f'{_TRANSACTION[:-1]}, "{name}": {text}}}'.encode()


AT_A_LIMIT = [
    _with("x", "[" * (MAX_NESTING - 1) + "]" * (MAX_NESTING - 1)),
    _with("x", "1" * MAX_NUMBER_LENGTH),
    _with("x", "-1." + "1" * (MAX_NUMBER_LENGTH - 3)),
    _with("x", "1e" + "9" * (MAX_NUMBER_LENGTH - 2)),
    _with("n" * MAX_NAME_LENGTH, "1"),
]


def test_what_is_accepted_is_read_by_jackson(module_connection):
    require_program("java")
    jars.fetch(JARS, print)
    rng = random.Random()
    accepted = [
        value for value in (damaged(rng) for _ in range(_DAMAGED)) if sound(value) == "accepted"
    ]
    assert len(accepted) > _DAMAGED / 50
    assert [sound(value) for value in AT_A_LIMIT] == ["accepted"] * len(AT_A_LIMIT)
    accepted += AT_A_LIMIT
    producer = Producer(module_connection.config())
    for value in accepted:
        producer.produce(module_connection.named("transactions"), value, "one partition, in order")
    assert producer.flush(60) == 0
    reader = [
        require_program("java"),
        "-cp",
        f"{JARS}/*",
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
    ]
    where = [
        "--bootstrap-server",
        module_connection.bootstrap_servers,
        "--topic",
        module_connection.named("transactions"),
    ]
    much = ["--from-beginning", "--max-messages", str(len(accepted)), "--timeout-ms", "60000"]
    form = [
        "--formatter-property",
        "value.deserializer=org.apache.kafka.connect.json.JsonDeserializer",
    ]
    done = subprocess.run(
        [*reader, *where, *much, *form], capture_output=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    lines = done.stdout.split(b"\n")[:-1]
    assert len(lines) == len(accepted), done.stderr.decode(errors="replace")[-2000:]
    for line, value in zip(lines, accepted, strict=True):
        read, sent = json.loads(line), json.loads(value)
        assert read["transaction_id"] == sent["transaction_id"]
        assert [float(read[name]) for name in INPUTS] == [float(sent[name]) for name in INPUTS], (
            value
        )
