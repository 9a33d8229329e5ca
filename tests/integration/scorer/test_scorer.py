"""`fraud score` as a process: its status page, how it ends, and missing topics or ports."""

import json
import os
import signal

import psutil
import pytest
from support.data.transactions import make_transaction_bytes
from support.ports import find_free_port, hold_port
from support.publishing import open_transactional, send
from support.scorer_process import run_scorer
from support.topic_reader import read_all, read_json
from support.waiting import wait_for

from cli.support.settings import Settings
from streams.kafka import topics
from streams.kafka.connection import Connection
from streams.ledger.audit import audit


@pytest.fixture(autouse=True)
def trained(model):
    """Every test here needs a model on disk."""


def count_transactions(system, workers=1):
    lines = "".join(system.page(worker, "/metrics") for worker in range(workers)).splitlines()
    return sum(
        float(line.split()[-1]) for line in lines if line.startswith("fraud_transactions_total{")
    )


def test_the_page_counts_transactions_and_signals_end_the_scorer_cleanly(connection):
    with run_scorer(connection, workers=2) as system:
        send(connection, range(500))
        wait_for(lambda: count_transactions(system, 2) == 500, 30, "500 transactions are counted")
        assert system.page(0, "/health") == "ok\n"
        assert 'fraud_model_info{version="' in system.page(0, "/metrics")
        assert len(read_all(connection, topics.PREDICTIONS, 500)) == 500
        send(connection, range(500, 3_500))
        read_all(connection, topics.PREDICTIONS, 501)
        assert system.stop() == 0  # with records in flight
    with run_scorer(connection) as system:
        read_all(connection, topics.PREDICTIONS, 3_500)
        result = audit(connection)
        assert (result.sent, result.lost, result.duplicated) == (3_500, 0, 0)
        send(connection, range(3_500, 3_600))
        # Ctrl-C in a terminal goes to the whole process group
        for pid in [system.process.pid, *system.pids()]:
            os.kill(pid, signal.SIGINT)
        assert system.process.wait(20) == 0


def read_lags(system):
    """Return the lag of each partition, in records and in seconds."""
    return [
        float(line.split()[-1])
        for line in system.page(0, "/metrics").splitlines()
        if line.startswith("fraud_consumer_lag")
    ]


@pytest.mark.parametrize("end", ["commit_transaction", "abort_transaction"])
def test_a_partition_that_ends_in_markers_and_aborted_records_has_no_lag(connection, end):
    with run_scorer(connection) as system:
        producer = open_transactional(connection)
        producer.begin_transaction()
        for i in range(40):
            producer.produce(
                connection.qualify(topics.TRANSACTIONS), make_transaction_bytes(i), f"t-{i}"
            )
        assert producer.flush(60) == 0
        wait_for(lambda: sum(read_lags(system)) >= 40, 30, "the uncommitted records count as lag")
        getattr(producer, end)(30)
        wait_for(lambda: not any(read_lags(system)), 30, "the lag is zero")
        assert count_transactions(system) == (40 if end == "commit_transaction" else 0)


def test_workers_that_come_and_go_lose_and_duplicate_nothing(connection):
    """Partitions move while batches are in flight; the last workers lose their supervisor."""
    with run_scorer(connection) as first:
        send(connection, range(5_000))
        with run_scorer(connection, FRAUD_INSTANCE="second"):
            send(connection, range(5_000, 10_000))
        with run_scorer(connection, workers=2, FRAUD_INSTANCE="third") as third:
            send(connection, range(10_000, 15_000))
            assert first.stop() == 0
            read_all(connection, topics.PREDICTIONS, 15_000)
            workers = third.pids()
            assert len(workers) == 2
            third.process.kill()
            wait_for(
                lambda: not any(map(psutil.pid_exists, workers)),
                20,
                "the workers exit after their supervisor",
            )
    result = audit(connection)
    assert (result.sent, result.scored, result.lost, result.duplicated) == (15_000, 15_000, 0, 0)


def test_a_second_scorer_of_the_same_name_fences_the_first_and_duplicates_nothing(connection):
    """The first's worker ends and says why. Restarted, it fences the second's, and so on.

    While records arrive, this ends when one scorer gives up after five deaths within a minute.
    """
    with (
        run_scorer(connection, FRAUD_INSTANCE="twin") as first,
        run_scorer(connection, FRAUD_INSTANCE="twin"),
    ):
        send(connection, range(2_000))
        wait_for(lambda: "ended with exit code 1" in first.log, 60, "its worker exits")
        [line, *_] = [line for line in first.log.splitlines() if " ERROR " in line]
        assert line.endswith(
            "fenced by a newer instance; does another one run with the same FRAUD_INSTANCE?"
        )
        read_all(connection, topics.PREDICTIONS, 2_000)
        result = audit(connection)
    assert (result.sent, result.scored, result.lost, result.duplicated) == (2_000, 2_000, 0, 0)


def test_uncommitted_records_are_never_scored(connection):
    """All are in one partition: once the last has a prediction, no earlier one can get any."""
    producer = open_transactional(connection)
    with run_scorer(connection):
        for first in range(0, 60, 10):
            producer.begin_transaction()
            for i in range(first, first + 10):
                producer.produce(
                    connection.qualify(topics.TRANSACTIONS),
                    make_transaction_bytes(i) if i % 10 else b"broken",
                    partition=0,
                )
            producer.flush(60)  # the records are on the broker, committed or not
            if first % 20:
                producer.commit_transaction(30)
            else:
                producer.abort_transaction(30)
        committed = {f"t-{i}" for i in range(60) if i % 20 > 10}
        # a batch becomes visible in one partition of `predictions` after the other
        wait_for(
            lambda: committed <= {*read_scored_ids(connection)}, 60, "all transactions are scored"
        )
        assert sorted(read_scored_ids(connection)) == sorted(committed)
    result = audit(connection)
    assert (result.sent, result.scored, result.rejected) == (30, 27, 3)
    assert (result.lost, result.duplicated, result.phantom) == (0, 0, 0)


def read_scored_ids(connection):
    """Return the ids on `predictions`, including duplicates."""
    predictions = read_json(connection, topics.PREDICTIONS, 0)
    return [prediction["transaction_id"] for prediction in predictions]


def test_missing_topics_end_the_scorer_with_a_line_that_says_what_to_do(broker, tmp_path):
    home = {"FRAUD_HOME": str(tmp_path), "FRAUD_MODEL_DIR": str(Settings.from_environment().model)}
    with run_scorer(Connection(broker, topic_prefix="nowhere."), wait=False, **home) as system:
        assert system.process.wait(60) == 3
        assert "nowhere.transactions" in system.log
        assert "fraud topics" in system.log
    assert list(tmp_path.glob("targets/*")), "Prometheus must not forget workers that failed"


def test_the_requested_workers_are_announced_until_the_scorer_is_stopped(tmp_path):
    def run_workers(port, workers):
        return run_scorer(
            Connection("127.0.0.1:9"),
            workers=workers,
            wait=False,
            port=port,
            FRAUD_HOME=str(tmp_path),
            FRAUD_MODEL_DIR=model,
        )

    model = str(Settings.from_environment().model)
    port = find_free_port(following=2)
    announced = tmp_path / "targets" / f"scorer-{port}.json"
    with run_workers(port, 3) as system:
        wait_for(lambda: len(system.pids()) == 3, 30, "three workers")
        assert json.loads(announced.read_text()) == [
            {"targets": [f"127.0.0.1:{port + worker}" for worker in range(3)]}
        ]
        assert system.stop() == 0
    assert not announced.exists()
    with run_workers(port, 1) as system:
        workers = wait_for(system.pids, 30, "a worker")
        system.process.kill()
        system.process.wait(20)
        wait_for(
            lambda: not any(map(psutil.pid_exists, workers)),
            20,
            "the worker exits after its supervisor",
        )
    assert json.loads(announced.read_text()) == [{"targets": [f"127.0.0.1:{port}"]}]


def test_the_error_names_a_taken_port_and_its_setting(connection):
    with hold_port() as port, run_scorer(connection, wait=False, port=port) as system:
        assert system.process.wait(60) == 3
        assert f"port {port}" in system.log
        assert "FRAUD_METRICS_PORT" in system.log
