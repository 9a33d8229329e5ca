"""Commit offsets of the scorer's group from outside, while it has no members."""

from collections.abc import Mapping

from confluent_kafka import Consumer, TopicPartition

from streams.kafka import topics
from streams.kafka.cluster import Cluster
from streams.kafka.connection import Connection
from streams.kafka.retry import retry_for
from streams.kafka.topic_ids import TopicEpoch


def commit_offsets(connection: Connection, offsets: Mapping[int, int]) -> None:
    """Commit as the scorer does: with the topic's id."""
    [topic_id] = Cluster(connection).find_ids(topics.TRANSACTIONS).values()
    _commit(connection, offsets, TopicEpoch(topic_id).encode())


def start_group(connection: Connection, partitions: int = 4) -> None:
    """Commit the beginning of every partition, as the scorer does when it first starts."""
    commit_offsets(connection, dict.fromkeys(range(partitions), 0))


def reset_offsets(connection: Connection, partitions: int = 4) -> None:
    """Commit the beginning of every partition, as Kafka's kafka-consumer-groups does."""
    _commit(connection, dict.fromkeys(range(partitions), 0), "")


def _commit(connection: Connection, offsets: Mapping[int, int], metadata: str) -> None:
    name = connection.qualify(topics.TRANSACTIONS)
    places = [TopicPartition(name, number, offset, metadata) for number, offset in offsets.items()]
    consumer = Consumer(connection.make_reader_config(topics.SCORER_GROUP))
    # a new broker may still be looking for the coordinator
    retry_for(30, lambda: consumer.commit(offsets=places, asynchronous=False))
    consumer.close()
