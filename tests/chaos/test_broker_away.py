"""A broker that is stopped or killed and comes back, with or without a scorer that waits for it."""

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from support.publishing import publish, send
from support.scorer_process import DIED, run_scorer
from support.topic_reader import read_all
from support.waiting import wait_for

from streams.kafka import topics
from streams.kafka.cluster import Cluster
from streams.kafka.connection import Connection


def test_data_survives_a_kill(own_broker):
    first = own_broker.find_process()
    own_broker.start(say=print)
    assert own_broker.find_process() == first, "a second start must not touch the running broker"
    admin = AdminClient({"bootstrap.servers": own_broker.bootstrap_servers})
    admin.create_topics([NewTopic("kept", 1, 1)])["kept"].result()
    connection = Connection(own_broker.bootstrap_servers)
    publish(connection, "kept", [b"before the kill"])
    first.kill()
    own_broker.start(say=print)  # while the killed one is still exiting
    assert own_broker.find_process() not in (None, first)
    [kept] = read_all(connection, "kept", 1)
    assert kept.value() == b"before the kill"


def test_a_scorer_waits_for_a_broker_that_is_not_up_yet_and_scores_its_data(
    own_broker, own_connection, model
):
    connection = own_connection
    send(connection, range(50))
    cluster = Cluster(connection)
    before = cluster.find_end(topics.TRANSACTIONS, list(range(4)))
    assert own_broker.stop()
    assert not own_broker.status().running
    assert not own_broker.stop()
    with run_scorer(connection, wait=False) as system:
        wait_for(lambda: "waiting for Kafka" in system.log, 60, "it logs that it waits")
        own_broker.start(say=print)
        wait_for(system.ready, 60, "it is ready")
        assert cluster.find_end(topics.TRANSACTIONS, list(range(4))) == before, (
            "a client from before the restart must learn of the new leaders"
        )
        send(connection, range(50, 100))
        assert len(read_all(connection, topics.PREDICTIONS, 100)) == 100
        assert system.stop() == 0


@pytest.mark.long
def test_a_worker_without_a_coordinator_for_a_minute_is_restarted_and_this_is_not_a_crash(
    own_broker, own_connection
):
    with run_scorer(own_connection) as system:
        [first] = system.pids()
        own_broker.stop()
        wait_for(lambda: system.pids() not in ([first], []), 90, "a new worker")
        assert "no contact with the group's coordinator for 60 s" in system.log
        assert DIED not in system.log
        own_broker.start(say=print)
        wait_for(system.ready, 60, "the new one is ready")
        send(own_connection, range(50))
        assert len(read_all(own_connection, topics.PREDICTIONS, 50)) == 50
