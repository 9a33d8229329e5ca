"""A worker that cannot start ends, and leaves nothing running."""

import socket
import threading

import pytest
from confluent_kafka import KafkaException
from support.fakes import FakeModel
from support.ports import find_free_port

from streams.kafka.connection import Connection
from streams.scorer import worker
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
