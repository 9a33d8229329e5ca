"""The ends of what `transactions` holds: records that are gone, and the largest that it takes."""

import os
import re
import signal

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from support.scorer_process import run_scorer
from support.topic_reader import read_all
from support.transactions import make_transaction_bytes
from support.waiting import wait_for

from streams.kafka import topics
from streams.ledger.audit import audit


def send(connection, count):
    producer = Producer(connection.writer())
    for number in range(count):
        producer.produce(
            connection.named(topics.TRANSACTIONS), make_transaction_bytes(number), partition=0
        )
    assert producer.flush(60) == 0


def delete(connection, before=130):
    """Records up to this one, as retention does."""
    place = TopicPartition(connection.named(topics.TRANSACTIONS), 0, before)
    admin = AdminClient(connection.config())  # to be kept: its requests end with it
    [deleted] = admin.delete_records([place]).values()
    deleted.result(10)


def cut_off(connection):
    """As a broker that lost its last records leaves the log: the group was farther."""
    consumer = Consumer(connection.reader(topics.SCORER_GROUP))
    consumer.commit(
        offsets=[TopicPartition(connection.named(topics.TRANSACTIONS), 0, 500)], asynchronous=False
    )
    consumer.close()


@pytest.mark.parametrize(
    ("lose", "named"),
    [(delete, "offsets 100 to 129 are lost"), (cut_off, "offsets 150 to 499 are lost")],
)
def test_records_that_are_gone_stop_the_scorer_and_are_named(connection, lose, named):
    send(connection, 100)
    with run_scorer(connection) as system:
        read_all(connection, topics.PREDICTIONS, 100)
        assert system.stop() == 0
    send(connection, 50)
    lose(connection)
    with run_scorer(connection, wait=False) as system:
        assert system.process.wait(60) == 3
        assert named in system.log


def test_records_deleted_before_a_new_group_read_them_are_named(connection):
    with run_scorer(connection) as system:
        [worker] = system.pids()
        os.kill(worker, signal.SIGSTOP)
        wait_for(system.stopped, 10, "the worker is stopped")
        send(connection, 5_050)
        delete(connection, 5_000)
        os.kill(worker, signal.SIGCONT)
        assert system.process.wait(60) == 3
        [first] = re.findall(r"offsets (\d+) to 4999 are lost", system.log)
    assert len(read_all(connection, topics.PREDICTIONS, int(first))) == int(
        first
    )  # what a last fetch still brought is scored


def test_the_largest_record_that_is_taken_ends_as_a_dead_letter(connection):
    largest, refused = largest_taken(connection)
    assert refused > 0  # one byte more is refused where it is published
    send(connection, 10)
    with run_scorer(connection):
        read_all(connection, topics.PREDICTIONS, 10)
        [dead] = read_all(connection, topics.DEAD_LETTERS, 1)
    assert dead.value() == largest
    assert dict(dead.headers())["error.kind"] == b"too_large"
    books = audit(connection)
    assert (books.sent, books.scored, books.rejected, books.lost, books.duplicated) == (
        11,
        10,
        1,
        0,
        0,
    )


def largest_taken(connection):
    """The largest value that the topic takes, and how many larger ones it refused before."""
    reported = []
    limit = {"message.max.bytes": 2 * topics.MAX_RECORD_BYTES, "compression.type": "none"}
    producer = Producer(
        connection.writer(limit | {"on_delivery": lambda error, _: reported.append(error)})
    )
    for size in range(topics.MAX_RECORD_BYTES, 0, -1):
        producer.produce(connection.named(topics.TRANSACTIONS), b"x" * size, partition=0)
        assert producer.flush(30) == 0
        if reported[-1] is None:
            return b"x" * size, len(reported) - 1
        assert reported[-1].code() == KafkaError.MSG_SIZE_TOO_LARGE
    raise AssertionError("nothing is taken")
