"""Ask a cluster about topics, their partitions and offsets, and a group's committed offsets."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    IsolationLevel,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.kafka.connection import Connection
from streams.kafka.errors import (
    TopicMissingError,
    TopicRecreatedError,
    is_topic_missing,
    is_transient,
)
from streams.kafka.retry import retry_for
from streams.kafka.topic_ids import TopicEpoch, describe_topics, read_description

Offsets = dict[int, int]

_TIMEOUT_S = 30
_REFRESH_S = 2.0  # in an outage the refresh takes all of it, and Ctrl-C waits


class Committed(NamedTuple):
    """A group's next offset in a partition; `epoch` is None if it was committed without one."""

    offset: int
    epoch: TopicEpoch | None


def find_committed(
    consumer: Consumer, partitions: list[TopicPartition], timeout: float
) -> list[TopicPartition]:
    """Return the committed offsets of the consumer's group, -1001 for none.

    Raises KafkaException, also if Kafka fails for one partition only.
    """
    positions: list[TopicPartition] = consumer.committed(partitions, timeout=timeout)
    for position in positions:
        if position.error:
            raise KafkaException(position.error)
    return positions


class Cluster:
    """Answers questions about one cluster's topics, by their names without the prefix.

    Offsets are those of committed records: a partition ends at its last stable offset. Every method
    raises KafkaException when Kafka does not answer, those about offsets also TopicMissingError.
    The object keeps one admin client for its whole life, because the answers of a client that is
    gone never arrive.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._admin = AdminClient(connection.make_client_config())

    def list_partitions(self, *topics: str) -> dict[str, list[int]]:
        """Return the partition numbers of each topic. Raises TopicMissingError."""
        # List all topics: asking for one by name may create it.
        existing = self._admin.list_topics(timeout=_TIMEOUT_S).topics
        missing = [name for name in map(self._connection.qualify, topics) if name not in existing]
        if missing:
            raise TopicMissingError(missing)
        return {
            topic: sorted(existing[self._connection.qualify(topic)].partitions) for topic in topics
        }

    def find_ids(self, *topics: str) -> dict[str, str]:
        """Return the topics' ids, without missing topics. A recreated topic has a new id."""
        names = {self._connection.qualify(topic): topic for topic in topics}

        def find() -> dict[str, str]:
            answers = describe_topics(self._admin, names, _TIMEOUT_S)
            found = {name: read_description(answer) for name, answer in answers.items()}
            return {names[name]: topic.topic_id for name, topic in found.items() if topic}

        return retry_for(_TIMEOUT_S, find)

    def find_earliest(self, topic: str, partitions: list[int] | None = None) -> Offsets:
        """Return the first offset that the log still holds, by partition; None: all of them."""
        return self._list_offsets(topic, partitions, OffsetSpec.earliest())

    def find_end(self, topic: str, partitions: list[int] | None = None) -> Offsets:
        """Return the offset at which the committed records end, by partition; None: all of them."""
        return self._list_offsets(topic, partitions, OffsetSpec.latest())

    def find_high_watermarks(self, topic: str, partitions: list[int] | None = None) -> Offsets:
        """Return the offset after the last record, committed or not, by partition; None: of all."""
        return self._list_offsets(
            topic, partitions, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED
        )

    def find_since(self, topic: str, end: Offsets, at: datetime) -> Offsets:
        """Return the first offset whose timestamp is `at` or later, else `end`, by partition."""
        spec = OffsetSpec.for_timestamp(int(at.timestamp() * 1000))
        offsets = self._list_offsets(topic, list(end), spec)
        return {
            partition: min(offset, end[partition]) if offset >= 0 else end[partition]
            for partition, offset in offsets.items()
        }

    def find_committed(self, group: str, topic: str, partitions: list[int]) -> Offsets:
        """Return the group's next offset by partition, without partitions that have none.

        Offsets in open transactions do not count.
        """
        found = self.find_epochs(group, topic, partitions)
        return {partition: committed.offset for partition, committed in found.items()}

    def find_epochs(self, group: str, topic: str, partitions: list[int]) -> dict[int, Committed]:
        """Return the same as `find_committed`, with the epoch of each offset."""
        name = self._connection.qualify(topic)
        asked = [TopicPartition(name, partition) for partition in partitions]
        # Not with the admin client, which has no group: librdkafka 2.16 crashes in it while the
        # coordinator is loading.
        consumer = Consumer(self._connection.make_reader_config(group))
        try:
            positions = retry_for(_TIMEOUT_S, lambda: find_committed(consumer, asked, _TIMEOUT_S))
        finally:
            consumer.close()
        return {
            place.partition: Committed(place.offset, TopicEpoch.decode(place.metadata))
            for place in positions
            if place.offset >= 0
        }

    def check_epochs(
        self,
        group: str,
        topic: str,
        committed: Mapping[int, Committed],
        outputs: Iterable[str],
        advice: str,
    ) -> None:
        """Check that a group's offsets, and so its `outputs`, are of this topic and no earlier one.

        Raises TopicRecreatedError, which ends with `advice`, and TopicMissingError.
        """
        name = self._connection.qualify(topic)
        topic_id = self.find_ids(topic).get(topic)
        if topic_id is None:
            raise TopicMissingError([name])
        for position in committed.values():
            epoch = position.epoch
            if epoch is not None and epoch.topic_id != topic_id:
                raise TopicRecreatedError.of(name, epoch.topic_id, topic_id, advice)
        if not committed and any(
            offset for output in outputs for offset in self.find_high_watermarks(output).values()
        ):
            raise TopicRecreatedError.without_offsets(
                name, self._connection.qualify(group), topic_id, advice
            )

    def find_owned(self, group: str, topic: str) -> set[int] | None:
        """Return the partitions that members of a group read; None while the group rebalances."""
        name = self._connection.qualify(group)
        answers = self._admin.describe_consumer_groups([name], request_timeout=_TIMEOUT_S)
        found = answers[name].result()
        if found.state != ConsumerGroupState.STABLE:
            return None
        return {
            place.partition
            for member in found.members
            for place in member.assignment.topic_partitions
            if place.topic == self._connection.qualify(topic)
        }

    def _list_offsets(
        self,
        topic: str,
        partitions: list[int] | None,
        spec: OffsetSpec,
        isolation: IsolationLevel = IsolationLevel.READ_COMMITTED,
    ) -> Offsets:
        if partitions is None:
            partitions = self.list_partitions(topic)[topic]
        name = self._connection.qualify(topic)
        asked = {TopicPartition(name, partition): spec for partition in partitions}

        def list_offsets() -> Offsets:
            futures = self._admin.list_offsets(
                asked, isolation_level=isolation, request_timeout=_TIMEOUT_S
            )
            try:
                return {
                    partition.partition: future.result().offset
                    for partition, future in futures.items()
                }
            except KafkaException as error:
                if is_topic_missing(error):
                    raise TopicMissingError([name]) from error
                if is_transient(error):
                    self._refresh(name)
                raise

        return retry_for(_TIMEOUT_S, list_offsets)

    def _refresh(self, name: str) -> None:
        """Ask for metadata, if a broker answers. Raises TopicMissingError.

        librdkafka 2.16 keeps asking with the leader epochs that it knows, up to five minutes old,
        and says of a topic that is gone only that it has no leader.
        """
        with suppress(KafkaException):
            if name not in self._admin.list_topics(timeout=_REFRESH_S).topics:
                raise TopicMissingError([name])
