"""Topics that can lose payments are refused, and payments that a sender dates wrongly are kept."""

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME, KafkaError
from support import publishing
from support.commands import run_on
from support.scorer_process import run_scorer
from support.topic_changes import (
    BY_NAME,
    LIMITED_SENDER_TIME,
    alter_topic,
    delete_topic,
    recreate_with,
)
from support.topic_reader import read_all
from support.waiting import wait_for

from streams.kafka import topics
from streams.kafka.cluster import Cluster
from streams.kafka.topic_settings import OWN_TIME_LIMITS
from streams.ledger.audit import audit

COUNT = 80
JANUARY_1970_MS = 1000


def send(connection, count, timestamp=0):
    """Send payments and return the codes of the refused ones."""
    refused = []

    def note(error, _):
        if error:
            refused.append(error.code())

    publishing.send(connection, range(count), timestamp=timestamp, on_delivery=note)
    return refused


@pytest.mark.parametrize(
    ("topic", "settings"),
    [
        (topics.TRANSACTIONS, {"cleanup.policy": "compact"}),
        (topics.PREDICTIONS, {"max.message.bytes": "1000"}),
    ],
)
def test_an_unsafe_topic_is_refused_by_every_command_until_it_is_mended(
    connection, topic, settings
):
    alter_topic(connection, topic, settings)
    delete_topic(connection, topics.LABELS)
    [(name, value)] = settings.items()
    declared = BY_NAME[topic].config()[name]
    wrong = f"has {name}={value} (declared: {declared}"
    mending = (
        "fraud kafka tool kafka-configs.sh --bootstrap-server "
        f"{connection.bootstrap_servers} --alter "
        f"--entity-type topics --entity-name {connection.qualify(topic)} "
        f"--add-config {name}={declared}"
    )
    created = run_on(connection, "topics", "--partitions", "4")
    assert created.returncode == 1
    assert wrong in created.stderr
    assert mending in created.stderr
    assert created.stderr.endswith(f"fraud: created {connection.qualify(topics.LABELS)}\n")
    with run_scorer(connection, wait=False) as system:
        assert system.process.wait(60) == 3
        assert wrong in system.log
        assert mending in system.log
    if topic == topics.PREDICTIONS:  # the monitor reads no transactions
        monitored = run_on(connection, "monitor")
        assert monitored.returncode == 1
        assert mending in monitored.stderr
    alter_topic(connection, topic, {name: declared})
    assert run_on(connection, "topics", "--partitions", "4").returncode == 0


def test_nothing_is_created_beside_a_topic_with_other_partitions(connection):
    delete_topic(connection, topics.LABELS)
    refused = run_on(connection, "topics", "--partitions", "8")
    assert refused.returncode == 1
    name = connection.qualify(topics.TRANSACTIONS)
    assert f"{name} has 4 partitions, declared are 8" in refused.stderr
    assert "run: fraud topics --partitions 4; " in refused.stderr
    assert f"--alter --topic {name} --partitions 8" in refused.stderr
    labels = connection.qualify(topics.LABELS)
    assert refused.stderr.endswith(f"fraud: not created until then: {labels}\n")
    assert Cluster(connection).find_ids(topics.LABELS) == {}
    assert run_on(connection, "topics", "--partitions", "4").returncode == 0


def test_a_topic_that_begins_to_refuse_the_scorers_clock_stops_it(own_broker, own_connection):
    connection = own_connection
    with run_scorer(connection) as system:
        for limit in OWN_TIME_LIMITS:
            alter_topic(connection, topics.PREDICTIONS, {limit.name: "0"})
        wait_for(
            lambda: send(connection, COUNT) or system.process.poll() is not None,
            60,
            "the scorer has ended",
        )
        assert system.process.wait(30) == 3
        assert f"{connection.qualify(topics.PREDICTIONS)} refuses an output: " in system.log
    refused = run_on(connection, "topics", "--partitions", "4").stderr
    assert "has message.timestamp.before.max.ms=0 (declared: 600000 or more), " in refused
    with run_scorer(connection, wait=False) as system:
        assert system.process.wait(60) == 3
        assert "has message.timestamp.before.max.ms=0 (declared: " in system.log
    for limit in OWN_TIME_LIMITS:
        alter_topic(connection, topics.PREDICTIONS, {limit.name: limit.declared})
    with run_scorer(connection, wait=False) as system:
        # the topic refused the transaction's marker as well, and Kafka does not send it again
        named = "have not ended this worker's last transaction (docs/runbooks/transaction-left-open"
        wait_for(lambda: named in system.log, 60, "the scorer says what it waits for")
        own_broker.stop()
        own_broker.start(say=print)
        wait_for(lambda: audit(connection).complete, 120, "every payment is scored")


def test_payments_dated_1970_before_the_first_scorer_are_scored(connection):
    assert send(connection, COUNT, JANUARY_1970_MS) == []
    sent = read_all(connection, topics.TRANSACTIONS, COUNT)
    assert {message.timestamp()[0] for message in sent} == {TIMESTAMP_LOG_APPEND_TIME}
    assert min(message.timestamp()[1] for message in sent) > JANUARY_1970_MS
    with run_scorer(connection):
        assert len(read_all(connection, topics.PREDICTIONS, COUNT)) == COUNT
    result = audit(connection)
    assert (result.sent, result.complete) == (COUNT, True)


def test_a_topic_with_its_senders_time_refuses_a_wrong_clock(connection):
    recreate_with(connection, topics.TRANSACTIONS, LIMITED_SENDER_TIME)
    refused = send(connection, 3, JANUARY_1970_MS)
    # a record alone, or with others in a batch
    assert set(refused) <= {KafkaError.INVALID_TIMESTAMP, KafkaError.INVALID_RECORD}
    assert len(refused) == 3
    assert send(connection, COUNT) == []
    with run_scorer(connection) as system:
        read_all(connection, topics.PREDICTIONS, COUNT)
        page = system.page(0, "/metrics")
    [message, *_] = read_all(connection, topics.TRANSACTIONS, COUNT)
    assert message.timestamp()[0] == TIMESTAMP_CREATE_TIME
    assert "fraud_sender_timestamps 1.0" in page
