"""`fraud score` as a process: its page, its end, and what it does without broker, topics or port."""

import json
import os
import signal
import socket

import pytest
from confluent_kafka import Producer
from support.ports import find_free_port
from support.scorer_process import run_scorer
from support.topic_reader import read_all
from support.transactions import make_transaction_bytes
from support.waiting import wait_for

from cli.support.settings import Settings
from streams.kafka import topics
from streams.kafka.connection import Connection
from streams.ledger.audit import audit


@pytest.fixture(autouse=True)
def trained(model):
    """Every test here needs a model on disk."""


def send(connection, first, count):
    producer = Producer(connection.writer())
    for i in range(first, first + count):
        producer.produce(connection.named(topics.TRANSACTIONS), make_transaction_bytes(i), f"t-{i}")
    assert producer.flush(60) == 0


def total(system, workers=1):
    lines = "".join(system.page(worker, "/metrics") for worker in range(workers)).splitlines()
    return sum(
        float(line.split()[-1]) for line in lines if line.startswith("fraud_transactions_total{")
    )


def test_its_page_counts_what_it_scored_and_each_end_is_in_order(connection):
    with run_scorer(connection, workers=2) as system:
        send(connection, 0, 500)
        wait_for(lambda: total(system, 2) == 500, 30, "500 transactions are counted")
        assert system.page(0, "/health") == "ok\n"
        assert 'fraud_model_info{version="' in system.page(0, "/metrics")
        assert len(read_all(connection, topics.PREDICTIONS, 500)) == 500
        send(connection, 500, 3_000)
        read_all(connection, topics.PREDICTIONS, 501)
        assert system.stop() == 0  # amid records
    with run_scorer(connection) as system:
        read_all(connection, topics.PREDICTIONS, 3_500)
        books = audit(connection)
        assert (books.sent, books.lost, books.duplicated) == (3_500, 0, 0)
        send(connection, 3_500, 100)
        for pid in [
            system.process.pid,
            *system.pids(),
        ]:  # Ctrl-C in a terminal is sent to the whole group
            os.kill(pid, signal.SIGINT)
        assert system.process.wait(20) == 0


def lags(system):
    """Records and seconds, of each partition."""
    return [
        float(line.split()[-1])
        for line in system.page(0, "/metrics").splitlines()
        if line.startswith("fraud_consumer_lag")
    ]


@pytest.mark.parametrize("end", ["commit_transaction", "abort_transaction"])
def test_nothing_waits_on_a_partition_whose_last_entries_are_markers_and_aborted_records(
    connection, end
):
    with run_scorer(connection) as system:
        producer = Producer(connection.writer({"transactional.id": connection.named("theirs")}))
        producer.init_transactions(30)
        producer.begin_transaction()
        for i in range(40):
            producer.produce(
                connection.named(topics.TRANSACTIONS), make_transaction_bytes(i), f"t-{i}"
            )
        assert producer.flush(60) == 0
        wait_for(lambda: sum(lags(system)) >= 40, 30, "what nobody may read yet waits")
        getattr(producer, end)(30)
        wait_for(lambda: not any(lags(system)), 30, "nothing waits any more")
        assert total(system) == (40 if end == "commit_transaction" else 0)


def test_workers_that_come_and_go_lose_and_double_nothing(connection):
    """Each change moves partitions between workers while batches are on their way; the last ones lose their supervisor."""
    with run_scorer(connection) as first:
        send(connection, 0, 5_000)
        with run_scorer(connection, FRAUD_INSTANCE="second"):
            send(connection, 5_000, 5_000)
        with run_scorer(connection, workers=2, FRAUD_INSTANCE="third") as third:
            send(connection, 10_000, 5_000)
            assert first.stop() == 0
            read_all(connection, topics.PREDICTIONS, 15_000)
            workers = third.pids()
            assert len(workers) == 2
            third.process.kill()
            wait_for(
                lambda: not any(alive(pid) for pid in workers),
                20,
                "the workers end after their supervisor",
            )
    books = audit(connection)
    assert (books.sent, books.scored, books.lost, books.duplicated) == (15_000, 15_000, 0, 0)


def test_a_second_scorer_of_the_same_name_fences_the_first_and_doubles_nothing(connection):
    """The first starts its worker again, which fences the second in turn: both go on until the name is changed."""
    with (
        run_scorer(connection, FRAUD_INSTANCE="twin") as first,
        run_scorer(connection, FRAUD_INSTANCE="twin"),
    ):
        send(connection, 0, 2_000)
        wait_for(lambda: "ended with exit code 1" in first.log, 60, "its worker ends")
        [line, *_] = [line for line in first.log.splitlines() if " ERROR " in line]
        assert line.endswith(
            "fenced by a newer instance; does another one run with the same FRAUD_INSTANCE?"
        )
        read_all(connection, topics.PREDICTIONS, 2_000)
        books = audit(connection)
    assert (books.sent, books.scored, books.lost, books.duplicated) == (2_000, 2_000, 0, 0)


def test_what_was_never_committed_is_never_scored(connection):
    """All on one partition: once the last record has its prediction, all that stands before it has what it will ever have."""
    producer = Producer(connection.writer({"transactional.id": connection.named("client")}))
    producer.init_transactions()
    with run_scorer(connection):
        for first in range(0, 60, 10):
            producer.begin_transaction()
            for i in range(first, first + 10):
                producer.produce(
                    connection.named(topics.TRANSACTIONS),
                    make_transaction_bytes(i) if i % 10 else b"broken",
                    partition=0,
                )
            producer.flush(60)  # the records are on the broker, whatever becomes of them
            if first % 20:
                producer.commit_transaction(30)
            else:
                producer.abort_transaction(30)
        committed = {f"t-{i}" for i in range(60) if i % 20 > 10}
        wait_for(lambda: "t-59" in scored(connection), 60, "the last transaction is scored")
        assert sorted(scored(connection)) == sorted(committed)
    books = audit(connection)
    assert (
        books.sent,
        books.scored,
        books.rejected,
        books.lost,
        books.duplicated,
        books.phantom,
    ) == (30, 27, 3, 0, 0, 0)


def scored(connection):
    """The ids on `predictions`, those that are there twice twice."""
    return [
        json.loads(message.value())["transaction_id"]
        for message in read_all(connection, topics.PREDICTIONS, 0)
    ]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_missing_topics_end_it_with_a_line_that_says_what_to_do(broker, tmp_path):
    home = {"FRAUD_HOME": str(tmp_path), "FRAUD_MODEL_DIR": str(Settings.from_environment().model)}
    with run_scorer(Connection(broker, topic_prefix="nowhere."), wait=False, **home) as system:
        assert system.process.wait(60) == 3
        assert "nowhere.transactions" in system.log
        assert "fraud topics" in system.log
    assert list(tmp_path.glob("targets/*")), "Prometheus is not to forget workers that failed"


def test_the_workers_that_were_asked_for_are_told_until_they_are_not_asked_for_any_more(tmp_path):
    def asked_for(port, workers):
        return run_scorer(
            Connection("127.0.0.1:9"),
            workers=workers,
            wait=False,
            port=port,
            FRAUD_HOME=str(tmp_path),
            FRAUD_MODEL_DIR=model,
        )

    model, port = str(Settings.from_environment().model), find_free_port(following=2)
    told = tmp_path / "targets" / f"scorer-{port}.json"
    with asked_for(port, 3) as system:
        wait_for(lambda: len(system.pids()) == 3, 30, "three workers")
        assert json.loads(told.read_text()) == [
            {"targets": [f"127.0.0.1:{port + worker}" for worker in range(3)]}
        ]
        assert system.stop() == 0
    assert not told.exists()
    with asked_for(port, 1) as system:
        workers = wait_for(system.pids, 30, "a worker")
        system.process.kill()
        system.process.wait(20)
        wait_for(
            lambda: not any(alive(pid) for pid in workers),
            20,
            "the worker ends after its supervisor",
        )
    assert json.loads(told.read_text()) == [{"targets": [f"127.0.0.1:{port}"]}]


def test_a_taken_port_is_named_with_its_setting(connection):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with run_scorer(connection, wait=False, port=port) as system:
            assert system.process.wait(60) == 3
            assert f"port {port}" in system.log
            assert "FRAUD_METRICS_PORT" in system.log
