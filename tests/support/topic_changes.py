"""Delete, recreate and grow topics under running processes."""

from confluent_kafka.admin import AdminClient, NewPartitions

from streams.kafka import topics
from streams.kafka.connection import Connection
from support.waiting import wait_for

PARTITIONS = 4  # as the fixture `connection` creates them


def delete_topic(connection: Connection, name: str) -> None:
    admin = AdminClient(connection.client_config())  # keep it: its requests end with it
    full_name = connection.full_name(name)
    [deleted] = admin.delete_topics([full_name]).values()
    deleted.result(10)
    wait_for(lambda: full_name not in admin.list_topics(timeout=5).topics, 30, "the topic is gone")


def recreate_topic(connection: Connection, name: str) -> None:
    delete_topic(connection, name)
    assert topics.create(connection, PARTITIONS) == [connection.full_name(name)]


def grow_topic(connection: Connection, name: str, partitions: int) -> None:
    admin = AdminClient(connection.client_config())
    full_name = connection.full_name(name)
    [grown] = admin.create_partitions([NewPartitions(full_name, partitions)]).values()
    grown.result(10)
