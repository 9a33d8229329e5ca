"""The limits of `transactions`: records that were deleted, and the largest that fits."""

import os
import re
import signal

import pytest
from confluent_kafka import KafkaError, Producer
from support import publishing
from support.scorer_group import commit_offsets
from support.scorer_process import run_scorer
from support.topic_changes import delete_records
from support.topic_reader import read_all
from support.waiting import wait_for

from streams.kafka import topics
from streams.ledger.audit import audit


def send(connection, count):
    publishing.send(connection, range(count), partition=0)


def delete(connection, before=130):
    delete_records(connection, topics.TRANSACTIONS, {0: before})


def truncate(connection):
    """Commit an offset beyond the end, as if the broker had lost its last records."""
    commit_offsets(connection, {0: 500})


@pytest.mark.parametrize(
    ("lose", "named"),
    [(delete, "offsets 100 to 129 are lost"), (truncate, "offsets 150 to 499 are lost")],
)
def test_lost_records_stop_the_scorer_and_are_named(connection, lose, named):
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
    # the records of a fetch before the deletion are scored
    assert len(read_all(connection, topics.PREDICTIONS, int(first))) == int(first)


def test_the_largest_record_that_the_topic_accepts_becomes_a_dead_letter(connection):
    largest, refused = send_largest(connection)
    assert refused > 0  # a record one byte larger could not be published
    send(connection, 10)
    with run_scorer(connection):
        read_all(connection, topics.PREDICTIONS, 10)
        [dead] = read_all(connection, topics.DEAD_LETTERS, 1)
    assert dead.value() == largest
    assert dict(dead.headers())["error.kind"] == b"too_large"
    result = audit(connection)
    assert (result.sent, result.scored, result.rejected) == (11, 10, 1)
    assert (result.lost, result.duplicated) == (0, 0)


def send_largest(connection):
    """Return the largest value that the topic accepts, and how many larger ones it refused."""
    reported = []
    limit = {"message.max.bytes": 2 * topics.MAX_RECORD_BYTES, "compression.type": "none"}
    producer = Producer(
        connection.make_writer_config(
            limit | {"on_delivery": lambda error, _: reported.append(error)}
        )
    )
    for size in range(topics.MAX_RECORD_BYTES, 0, -1):
        producer.produce(connection.qualify(topics.TRANSACTIONS), b"x" * size, partition=0)
        assert producer.flush(30) == 0
        if reported[-1] is None:
            return b"x" * size, len(reported) - 1
        assert reported[-1].code() == KafkaError.MSG_SIZE_TOO_LARGE
    raise AssertionError("the topic accepts nothing")
