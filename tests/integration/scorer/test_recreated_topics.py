"""A topic that is deleted and made again has the same name and another id."""

from support.topic_changes import delete_topic, grow_topic, recreate_topic

from streams.kafka import topic_admin, topics
from streams.kafka.cluster import Cluster


def test_a_recreated_topic_has_a_new_id_and_a_grown_one_has_not(connection):
    cluster = Cluster(connection)
    before = cluster.find_ids(topics.TRANSACTIONS, topics.PREDICTIONS)
    recreate_topic(connection, topics.TRANSACTIONS)
    after = cluster.find_ids(topics.TRANSACTIONS, topics.PREDICTIONS)
    assert after[topics.PREDICTIONS] == before[topics.PREDICTIONS]
    assert after[topics.TRANSACTIONS] != before[topics.TRANSACTIONS]
    grow_topic(connection, topics.TRANSACTIONS, 6)
    assert cluster.find_ids(topics.TRANSACTIONS, topics.PREDICTIONS) == after


def test_a_deleted_topic_has_no_id(connection):
    cluster = Cluster(connection)
    delete_topic(connection, topics.LABELS)
    assert cluster.find_ids(topics.LABELS, topics.ALERTS).keys() == {topics.ALERTS}
    topic_admin.create(connection, 4)  # the fixture deletes all topics
