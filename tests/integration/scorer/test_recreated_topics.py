"""A topic that is deleted and made again has the same name and another id."""

import pytest
from support.publishing import send
from support.scorer_group import reset_offsets
from support.scorer_process import run_scorer
from support.topic_changes import delete_topic, grow_topic, recreate_topic
from support.topic_reader import read_all
from support.waiting import wait_for

from streams.doctor.checks import CheckStatus, check_offsets_topic
from streams.kafka import topic_admin, topics
from streams.kafka.cluster import Cluster
from streams.kafka.errors import TopicMissingError, TopicRecreatedError
from streams.ledger.audit import audit


@pytest.fixture(autouse=True)
def trained(model):
    """Every scorer here needs a model on disk."""


def find_id(connection, name=topics.TRANSACTIONS):
    return Cluster(connection).find_ids(name)[name]


def count_outputs(connection):
    result = audit(connection)
    assert (result.lost, result.duplicated, result.phantom) == (0, 0, 0)
    return result.scored, result.earlier


def test_a_question_about_the_offsets_of_a_topic_that_is_gone_names_it(connection):
    delete_topic(connection, topics.LABELS)
    with pytest.raises(TopicMissingError, match="labels"):
        Cluster(connection).find_end(topics.LABELS, [0])
    assert topic_admin.create(connection, 4) == [connection.qualify(topics.LABELS)]


def test_a_recreated_topic_has_a_new_id_and_a_deleted_one_has_none(connection):
    cluster = Cluster(connection)
    before = cluster.find_ids(topics.TRANSACTIONS, topics.PREDICTIONS)
    recreate_topic(connection, topics.TRANSACTIONS)
    after = cluster.find_ids(topics.TRANSACTIONS, topics.PREDICTIONS)
    assert after[topics.PREDICTIONS] == before[topics.PREDICTIONS]
    assert after[topics.TRANSACTIONS] != before[topics.TRANSACTIONS]
    delete_topic(connection, topics.LABELS)
    assert cluster.find_ids(topics.LABELS, topics.ALERTS).keys() == {topics.ALERTS}
    topic_admin.create(connection, 4)  # the fixture deletes all topics


def test_a_topic_recreated_while_the_scorer_is_stopped_stops_it_until_its_offsets_are_reset(
    connection,
):
    send(connection, range(30), partition=0)
    with run_scorer(connection) as system:
        read_all(connection, topics.PREDICTIONS, 30)
        assert system.stop() == 0
    grow_topic(connection, topics.TRANSACTIONS, 6)
    send(connection, range(30, 50), partition=5)
    with run_scorer(connection) as system:  # a grown topic is the same one
        read_all(connection, topics.PREDICTIONS, 50)
        assert system.stop() == 0
    assert count_outputs(connection) == (50, 0)
    assert check_offsets_topic(Cluster(connection)).verdict is CheckStatus.OK
    recreate_topic(connection, topics.TRANSACTIONS)
    send(connection, range(100, 140), partition=0)
    with pytest.raises(TopicRecreatedError, match="was recreated"):
        audit(connection)
    finding = check_offsets_topic(Cluster(connection))
    assert finding.verdict is CheckStatus.FAIL
    assert f"was recreated (new id {find_id(connection)})" in finding.found
    with run_scorer(connection, wait=False) as system:
        assert system.process.wait(60) == 3
        assert f"was recreated (new id {find_id(connection)})" in system.log
    reset_offsets(connection)
    result = audit(connection)
    assert (result.scored, result.lost, result.pending, result.earlier) == (0, 40, 40, 50)
    with run_scorer(connection) as system:
        read_all(connection, topics.PREDICTIONS, 90)
        assert system.stop() == 0
    assert count_outputs(connection) == (40, 50)


def test_a_topic_recreated_under_a_running_scorer_stops_it_and_nothing_is_skipped(connection):
    """The new topic soon has more records than the old one had: the client reads on in it."""
    old_id = find_id(connection)
    with run_scorer(connection, workers=2) as system:
        send(connection, range(30), partition=0)
        read_all(connection, topics.PREDICTIONS, 30)
        recreate_topic(connection, topics.TRANSACTIONS)
        send(connection, range(100, 400), partition=0)
        assert system.process.wait(60) == 3
        assert f"was recreated (old id {old_id}, new id {find_id(connection)})" in system.log
        assert "restarting it" not in system.log
    with pytest.raises(TopicRecreatedError, match="was recreated"):
        audit(connection)
    with run_scorer(connection, wait=False) as system:
        assert system.process.wait(60) == 3
    reset_offsets(connection)
    with run_scorer(connection) as system:
        wait_for(lambda: count_outputs(connection)[0] == 300, 60, "the new topic is scored")
        assert system.stop() == 0


def test_an_output_topic_recreated_under_a_running_scorer_stops_it(connection):
    old_id = find_id(connection, topics.PREDICTIONS)
    with run_scorer(connection) as system:
        send(connection, range(10), partition=0)
        read_all(connection, topics.PREDICTIONS, 10)
        recreate_topic(connection, topics.PREDICTIONS)
        send(connection, range(10, 20), partition=0)
        assert system.process.wait(60) == 3
        new_id = find_id(connection, topics.PREDICTIONS)
        assert f"was recreated (old id {old_id}, new id {new_id})" in system.log
    with run_scorer(connection):
        wait_for(lambda: audit(connection).pending == 0, 60, "the scorer has caught up")
    assert audit(connection).lost >= 10  # the deleted predictions
