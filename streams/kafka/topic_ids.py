"""Topic ids (KIP-516), and what committed offsets say about them.

Only the id tells a topic from a deleted one of the same name.
"""

from collections.abc import Iterable, Set
from concurrent.futures import Future
from typing import NamedTuple, Self

import msgspec
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, TopicDescription


class TopicEpoch(msgspec.Struct, frozen=True, omit_defaults=True):
    """The metadata of a partition's committed offset: which records and outputs belong together.

    The epoch of a partition begins when the group first reads it under `topic_id`, or after an
    offset without this metadata, as earlier versions and Kafka's tools write it. `first` is the
    first offset that is read in the epoch. `outputs` holds, by topic, the offset in each partition
    before which no output of the epoch can be; no entry means 0.
    """

    topic_id: str
    first: int = 0
    outputs: dict[str, list[int]] = {}

    def encode(self) -> str:
        """Return the metadata to commit."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def decode(cls, metadata: str | None) -> Self | None:
        """Return the epoch that the metadata holds; None if it holds none."""
        try:
            return msgspec.json.decode(metadata or "", type=cls)
        except msgspec.DecodeError:  # any client may commit any text
            return None


class DescribedTopic(NamedTuple):
    """A topic's id, as Kafka's tools print it, and its partitions."""

    topic_id: str
    partitions: Set[int]


def describe_topics(
    admin: AdminClient, names: Iterable[str], timeout_s: float
) -> dict[str, Future[TopicDescription]]:
    """Ask for topics by full name; `read_description` reads the answers. Creates no topic."""
    answers: dict[str, Future[TopicDescription]] = admin.describe_topics(
        TopicCollection(list(names)), request_timeout=timeout_s
    )
    return answers


def read_description(answer: Future[TopicDescription]) -> DescribedTopic | None:
    """Wait for an answer; return None if the topic is missing. Raises KafkaException."""
    try:
        topic = answer.result()
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        raise
    # in the URL-safe alphabet, unlike librdkafka
    topic_id = str(topic.topic_id).replace("+", "-").replace("/", "_")
    return DescribedTopic(topic_id, {partition.id for partition in topic.partitions})
