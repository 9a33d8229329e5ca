"""A worker that cannot start, and one whose batches make no progress."""

import socket
import threading

import pytest
from confluent_kafka import KafkaException
from support.fakes import FakeModel
from support.ports import find_free_port

from streams.kafka.connection import Connection
from streams.scorer import batch, worker
from streams.scorer.options import Guarantee, ScorerOptions
from streams.scorer.worker import Identity, Worker


@pytest.mark.timeout(30)
def test_a_worker_whose_consumer_cannot_be_created_ends(monkeypatch):
    monkeypatch.setattr(worker, "wait_for_topics", lambda *_: None)
    port = find_free_port()
    connection = Connection("127.0.0.1:1", properties={"group.protocol": "consumer"})
    options = ScorerOptions(Guarantee.AT_LEAST_ONCE)
    with pytest.raises(KafkaException, match=r"session\.timeout\.ms"):
        Worker(connection, FakeModel(), Identity("w", port), options).run()
    assert "consumer" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5).close()


def test_a_worker_is_healthy_while_batches_make_progress(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(batch, "monotonic", lambda: now[0])
    options = ScorerOptions(Guarantee.AT_LEAST_ONCE)
    idle = Worker(Connection("127.0.0.1:1"), FakeModel(), Identity("w", 1), options)
    assert idle._healthy()
    idle._in_flight.add()
    now[0] += worker.DEADLINE_S - 1
    idle._in_flight.add()
    assert idle._healthy()
    now[0] += 1
    assert not idle._healthy()
    idle._in_flight.remove()
    assert idle._healthy()
    idle._in_flight.remove()
    now[0] += 1000
    assert idle._healthy()
