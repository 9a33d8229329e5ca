"""`fraud score` as a process: its page, its end, and what it does without broker, topics or port."""

import os
import signal
import socket

import pytest
from confluent_kafka import Producer
from scorers import scorer
from support import read_all, transaction_bytes, wait_for

from streams import topics
from streams.connection import Connection
from streams.ledger import audit


@pytest.fixture(autouse=True)
def trained(model):
    """Every test here needs a model on disk."""


def send(connection, first, count):
    producer = Producer(connection.writer())
    for i in range(first, first + count):
        producer.produce(connection.named(topics.TRANSACTIONS), transaction_bytes(i), f"t-{i}")
    assert producer.flush(60) == 0


def total(system, workers=1):
    lines = "".join(system.page(worker, "/metrics") for worker in range(workers)).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("fraud_transactions_total{"))


def test_sigterm_commits_what_was_read_and_exits_0(connection):
    with scorer(connection, workers=2) as system:
        send(connection, 0, 3_000)
        read_all(connection, topics.PREDICTIONS, 1)
        assert system.stop() == 0
    with scorer(connection):
        read_all(connection, topics.PREDICTIONS, 3_000)
    books = audit(connection)
    assert (books.sent, books.lost, books.duplicated) == (3_000, 0, 0)


def test_its_page_counts_what_the_topics_hold(connection):
    with scorer(connection, workers=2) as system:
        send(connection, 0, 500)
        wait_for(lambda: total(system, 2) == 500, 30, "500 transactions are counted")
        assert system.page(0, "/health") == "ok\n"
        assert 'fraud_model_info{version="' in system.page(0, "/metrics")
    assert len(read_all(connection, topics.PREDICTIONS, 500)) == 500


def test_workers_that_come_and_go_lose_and_double_nothing(connection):
    """Each change moves partitions between workers while batches are on their way."""
    with scorer(connection) as first:
        send(connection, 0, 5_000)
        with scorer(connection, FRAUD_INSTANCE="second"):
            send(connection, 5_000, 5_000)
        with scorer(connection, FRAUD_INSTANCE="third"):
            send(connection, 10_000, 5_000)
            assert first.stop() == 0
            read_all(connection, topics.PREDICTIONS, 15_000)
    books = audit(connection)
    assert (books.sent, books.scored, books.lost, books.duplicated) == (15_000, 15_000, 0, 0)


def test_ctrl_c_ends_it_in_order(connection):
    with scorer(connection) as system:
        send(connection, 0, 100)
        for pid in [system.process.pid, *system.pids()]:  # a terminal sends it to the whole group
            os.kill(pid, signal.SIGINT)
        assert system.process.wait(20) == 0


def test_workers_end_when_their_supervisor_is_killed(connection):
    with scorer(connection, workers=2) as system:
        workers = system.pids()
        system.process.kill()
        wait_for(lambda: not any(alive(pid) for pid in workers), 20, "the workers are gone")


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_missing_topics_end_it_with_a_line_that_says_what_to_do(broker):
    with scorer(Connection(broker, topic_prefix="nowhere."), wait=False) as system:
        assert system.process.wait(60) == 3
        assert "nowhere.transactions" in system.log
        assert "fraud topics" in system.log


def test_a_taken_port_is_named_with_its_setting(connection):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with scorer(connection, wait=False, port=port) as system:
            assert system.process.wait(60) == 3
            assert f"port {port}" in system.log
            assert "FRAUD_METRICS_PORT" in system.log


def test_a_broker_that_is_not_there_yet_is_waited_for(own_broker):
    connection = Connection(own_broker.bootstrap_servers)
    topics.create(connection, partitions=4)
    own_broker.stop()
    with scorer(connection, wait=False) as system:
        wait_for(lambda: "waiting for Kafka" in system.log, 60, "it says that it waits")
        own_broker.start(say=print)
        wait_for(system.ready, 60, "it is ready")
        send(connection, 0, 100)
        assert len(read_all(connection, topics.PREDICTIONS, 100)) == 100
        assert system.stop() == 0
