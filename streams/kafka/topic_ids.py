"""Topic ids (KIP-516). Only the id tells a topic from a deleted one of the same name."""

from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, TopicDescription


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
