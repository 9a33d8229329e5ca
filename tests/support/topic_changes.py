"""Delete, recreate, grow and alter topics, also under running processes."""

import os
from collections.abc import Mapping

from confluent_kafka import TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from streams.kafka import topic_admin
from streams.kafka.connection import Connection
from streams.kafka.topic_settings import SENDER_TIME_LIMITS
from streams.kafka.topics import BY_NAME
from support.publishing import open_transactional
from support.waiting import wait_for

_PROBE_BYTES = 40_000
PARTITIONS = 4  # as the fixture `connection` creates them
SENDER_TIME = {"message.timestamp.type": "CreateTime"}
LIMITED_SENDER_TIME = SENDER_TIME | {limit.name: limit.declared for limit in SENDER_TIME_LIMITS}


def delete_topic(connection: Connection, name: str) -> None:
    admin = AdminClient(connection.make_client_config())  # keep it: its requests end with it
    full_name = connection.qualify(name)
    [deleted] = admin.delete_topics([full_name]).values()
    deleted.result(10)
    wait_for(lambda: full_name not in admin.list_topics(timeout=5).topics, 30, "the topic is gone")


def recreate_topic(connection: Connection, name: str) -> None:
    delete_topic(connection, name)
    assert topic_admin.create(connection, PARTITIONS) == [connection.qualify(name)]


def recreate_with(connection: Connection, name: str, settings: Mapping[str, str]) -> None:
    """Recreate a topic with its declared settings except these.

    A broker adopts an alteration only a moment after it has confirmed it.
    """
    delete_topic(connection, name)
    full_name = connection.qualify(name)
    new = NewTopic(full_name, PARTITIONS, 1, config=BY_NAME[name].config() | dict(settings))
    admin = AdminClient(connection.make_client_config())
    [created] = admin.create_topics([new]).values()
    created.result(10)
    wait_for(lambda: full_name in admin.list_topics(timeout=5).topics, 30, "the topic is there")


def alter_topic(connection: Connection, name: str, settings: Mapping[str, str]) -> None:
    entries = [
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        for key, value in settings.items()
    ]
    resource = ConfigResource(
        ResourceType.TOPIC, connection.qualify(name), incremental_configs=entries
    )
    admin = AdminClient(connection.make_client_config())
    [altered] = admin.incremental_alter_configs([resource]).values()
    altered.result(10)


def delete_records(connection: Connection, name: str, before: Mapping[int, int]) -> None:
    """Delete the records before an offset of each of these partitions, as retention does."""
    full_name = connection.qualify(name)
    admin = AdminClient(connection.make_client_config())
    for deleted in admin.delete_records(
        [TopicPartition(full_name, *place) for place in before.items()]
    ).values():
        deleted.result(10)


def limit_messages(connection: Connection, name: str, size: int) -> None:
    """Set the largest message of a topic, and wait until the broker applies it.

    `size` must not be near _PROBE_BYTES.
    """
    alter_topic(connection, name, {"max.message.bytes": str(size)})
    accepted = size > _PROBE_BYTES
    wait_for(lambda: _accepts_probe(connection, name) == accepted, 30, f"{name} has its limit")


def _accepts_probe(connection: Connection, name: str) -> bool:
    """Return whether a topic accepts a message; send it in a transaction that is aborted."""
    errors = []
    producer = open_transactional(connection, "probe")
    producer.begin_transaction()
    producer.produce(
        connection.qualify(name),
        os.urandom(_PROBE_BYTES),  # compression must not make it smaller
        on_delivery=lambda error, _: errors.append(error),
    )
    producer.flush(30)
    producer.abort_transaction(30)
    return errors[0] is None  # never `==`: confluent-kafka (2.16) cannot compare it with None


def grow_topic(connection: Connection, name: str, partitions: int) -> None:
    admin = AdminClient(connection.make_client_config())
    full_name = connection.qualify(name)
    [grown] = admin.create_partitions([NewPartitions(full_name, partitions)]).values()
    grown.result(10)
