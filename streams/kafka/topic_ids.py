"""Topic ids (KIP-516), and what committed offsets say about them.

Only the id tells a topic from a deleted one of the same name.
"""

from collections.abc import Iterable
from typing import Self

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


def find_topic_ids(admin: AdminClient, names: Iterable[str], timeout_s: float) -> dict[str, str]:
    """Return the topics' ids by full name, as Kafka's tools print them; without missing topics.

    Creates no topic. Raises KafkaException.
    """
    answers = admin.describe_topics(TopicCollection(list(names)), request_timeout=timeout_s)
    ids = {}
    for name, answer in answers.items():
        try:
            ids[name] = read_topic_id(answer.result())
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
    return ids


def read_topic_id(topic: TopicDescription) -> str:
    """Return a topic's id as Kafka's tools print it."""
    # in the URL-safe alphabet, unlike librdkafka
    return str(topic.topic_id).replace("+", "-").replace("/", "_")
