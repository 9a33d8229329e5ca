"""Declares the topics: names, partitions, retention and size limits. `create` creates them.

It refuses topics that differ from their declaration.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from time import monotonic, sleep

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from streams.kafka.connection import Connection
from streams.kafka.errors import TopicError, TopicMismatchError

TRANSACTIONS = "transactions"
PREDICTIONS = "predictions"
ALERTS = "alerts"
DEAD_LETTERS = "transactions.dlq"
LABELS = "labels"
DRIFT_EVENTS = "drift.events"

SCORER_GROUP = "fraud-scorer"
MONITOR_GROUP = "fraud-monitor"
REDRIVE_TRANSACTIONAL_ID = "fraud-redrive"

PARTITIONS = 8
_DAY_MS = 24 * 3600 * 1000
# Kafka's default limit. A dead letter is a record of `transactions` with additional headers.
MAX_RECORD_BYTES = 1_048_588
DEAD_LETTER_EXTRA_BYTES = 64 * 1024
# Of the messages made from a transaction, an alert is the largest; it repeats the transaction. The
# rest of its record (fields, key, headers, batch overhead) takes at most 3 KB
# (tests/unit/streams/kafka/test_sizes.py); this leaves room to grow.
_ENVELOPE_BYTES = 4096
MAX_SCORED_BYTES = MAX_RECORD_BYTES - _ENVELOPE_BYTES
"""The upper limit of `--max-bytes`.

The prediction and alert of a larger transaction may not fit.
"""
_TIMEOUT_S = 30
_POLL_S = 0.05


@dataclass(frozen=True)
class Topic:
    """One declared topic. `partitions` None means as many as `transactions` has."""

    name: str
    retention_ms: int
    max_record_bytes: int = MAX_RECORD_BYTES
    partitions: int | None = None
    compression: str = "producer"

    def config(self) -> dict[str, str]:
        """Return the topic's settings on the broker."""
        return {
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(self.max_record_bytes),
            "compression.type": self.compression,
        }

    def differences(
        self, count: int, config: Mapping[str, str | None], partitions: int
    ) -> list[str]:
        """Return how a topic with `count` partitions on the cluster differs from this declaration.

        `partitions` is the declared number unless the topic has its own.
        """
        declared = self.partitions or partitions
        return [f"has {count} partitions, declared are {declared}"] * (count != declared) + [
            f"has {key}={config.get(key)}, declared is {value}"
            for key, value in self.config().items()
            if config.get(key) != value
        ]


TOPICS = (
    # Uncompressed, so that the size limit applies to the record's own bytes. With compression the
    # broker accepts a record of 5 MB that fits no dead letter, and one of 150 MB that no client can
    # read. A client's batch may hold MAX_RECORD_BYTES before compression.
    Topic(TRANSACTIONS, 7 * _DAY_MS, compression="uncompressed"),
    Topic(PREDICTIONS, 7 * _DAY_MS),
    Topic(ALERTS, 30 * _DAY_MS),
    Topic(DEAD_LETTERS, 30 * _DAY_MS, MAX_RECORD_BYTES + DEAD_LETTER_EXTRA_BYTES),
    Topic(LABELS, 90 * _DAY_MS),
    Topic(DRIFT_EVENTS, 90 * _DAY_MS, partitions=1),
)


def create(connection: Connection, partitions: int = PARTITIONS, replication: int = 1) -> list[str]:
    """Create the missing topics and return their names.

    Raises TopicMismatchError if one exists with other partitions or settings; TopicError if a new
    one does not appear; KafkaException if the cluster refuses.
    """
    admin = AdminClient(connection.client_config())
    wanted = {connection.full_name(topic.name): topic for topic in TOPICS}
    existing = {
        name: len(topic.partitions)
        for name, topic in admin.list_topics(timeout=_TIMEOUT_S).topics.items()
    }
    settings = {"min.insync.replicas": "2"} if replication >= 3 else {}
    new = [
        NewTopic(
            name, topic.partitions or partitions, replication, config=topic.config() | settings
        )
        for name, topic in wanted.items()
        if name not in existing
    ]
    created = []
    for name, future in admin.create_topics(new, request_timeout=_TIMEOUT_S).items() if new else ():
        try:
            future.result()
            created.append(name)
        except KafkaException as error:
            # another process was faster; the topic is checked below like any existing one
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    _wait_until_known(admin, wanted.keys())
    _refuse_mismatch(
        admin, {name: topic for name, topic in wanted.items() if name not in created}, partitions
    )
    return created


def _wait_until_known(admin: AdminClient, names: AbstractSet[str]) -> None:
    """Wait until the brokers report the new topics to clients. Raises TopicError."""
    deadline = monotonic() + _TIMEOUT_S
    while missing := names - admin.list_topics(timeout=_TIMEOUT_S).topics.keys():
        if monotonic() > deadline:
            raise TopicError(
                f"created, but not visible after {_TIMEOUT_S} s: {', '.join(sorted(missing))}"
            )
        sleep(_POLL_S)


def _refuse_mismatch(admin: AdminClient, wanted: dict[str, Topic], partitions: int) -> None:
    if not wanted:
        return
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in wanted]
    configs = {
        resource.name: future.result()
        for resource, future in admin.describe_configs(
            resources, request_timeout=_TIMEOUT_S
        ).items()
    }
    counts = {
        name: len(topic.partitions)
        for name, topic in admin.list_topics(timeout=_TIMEOUT_S).topics.items()
    }
    wrong = [
        f"{name} {difference}"
        for name, topic in wanted.items()
        for difference in topic.differences(
            counts[name], {key: entry.value for key, entry in configs[name].items()}, partitions
        )
    ]
    if wrong:
        raise TopicMismatchError("; ".join(wrong))
