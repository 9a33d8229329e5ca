"""The weaker guarantee, with a worker that dies: nothing is lost; what is doubled is counted."""

import os
import signal
import sys

from confluent_kafka import Producer
from support.scorer_process import run_scorer
from support.topic_reader import read_all
from support.transactions import make_transaction_bytes
from support.waiting import wait_for

from streams.kafka import topics
from streams.ledger.audit import audit

COUNT = 20_000


def test_a_killed_worker_loses_nothing(connection, model):
    producer = Producer(
        connection.writer({"enable.idempotence": False})
    )  # it would spin beside a broker that has no core to itself
    with run_scorer(
        connection,
        workers=2,
        command=[sys.executable, "-m", "cli.main", "score", "--guarantee", "at-least-once"],
    ) as system:
        for number in range(COUNT):
            producer.produce(
                connection.named(topics.TRANSACTIONS), make_transaction_bytes(number), f"t-{number}"
            )
            if number == COUNT // 2:
                producer.flush(60)
                read_all(connection, topics.PREDICTIONS, COUNT // 4)
                os.kill(system.pids()[0], signal.SIGKILL)
        assert producer.flush(60) == 0
        books = wait_for(lambda: settled(connection), 90, "everything is scored")
    assert (books.sent, books.scored, books.lost) == (COUNT, COUNT, 0)


def settled(connection):
    books = audit(connection)
    return books if books.lost == 0 else None
