"""What a cluster says about topics: their partitions and offsets, and how far a group has come.

ReadingError
├── TopicMissingError        a topic is not on the cluster
└── ReadingStoppedError      the cluster no longer delivers (streams.kafka.reader)
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from time import monotonic, sleep
from typing import TypeVar

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.kafka.connection import Connection

Offsets = dict[int, int]
Answer = TypeVar("Answer")

_TIMEOUT_S = 30
_REFRESH_S = 2.0  # in an outage it would take all of it, and Ctrl-C waits
_POLL_S = 0.1

# While no broker answers, a partition's leader or a group's coordinator is being found, moved or loaded, or a commit is not decided yet.
PASSING = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_LEADER_EPOCH,  # a broker that has just come back
    KafkaError.FENCED_LEADER_EPOCH,  # the same, seen from a client that has not heard of it yet
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.UNSTABLE_OFFSET_COMMIT,
    KafkaError._WAIT_COORD,
    KafkaError._TRANSPORT,
    KafkaError._TIMED_OUT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._NOENT,  # of an admin client: no leader of the partition is known
}
# Rights and credentials: trying again does not help.
REFUSED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError._AUTHENTICATION,
}


def persist(ask: Callable[[], Answer], timeout: float) -> Answer:
    """Asks again while the cluster is only busy with itself, for `timeout` seconds at most. Raises KafkaException."""
    deadline = monotonic() + timeout
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in PASSING or monotonic() > deadline:
                raise
        sleep(_POLL_S)


def committed_offsets(
    consumer: Consumer, partitions: list[TopicPartition], timeout: float
) -> list[TopicPartition]:
    """The committed offsets of the consumer's group; -1001 where there is none. Raises KafkaException."""

    def ask() -> list[TopicPartition]:
        found: list[TopicPartition] = consumer.committed(partitions, timeout=timeout)
        for position in found:
            if position.error:
                raise KafkaException(position.error)
        return found

    return persist(ask, timeout)


class ReadingError(RuntimeError):
    """What a command expects to go wrong when it reads topics; the text says what to do."""


class TopicMissingError(ReadingError):
    """Topics that a command needs are not there, which is what a cluster says of those, too, that this user may not see."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(
            f"no such topic, or no right to see it: {', '.join(names)}; `fraud topics` creates what is missing"
        )


class Cluster:
    """Asks one cluster about topics, by their names without the prefix. Every method raises KafkaException when there is no answer.

    Offsets are those of committed records: the end of a partition is its last stable offset. One admin client lives as long as this
    object: its answers never come once it is gone.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._admin = AdminClient(connection.config())

    def partitions(self, *topics: str) -> dict[str, list[int]]:
        """The numbers of each topic's partitions. Raises TopicMissingError."""
        found = self._admin.list_topics(
            timeout=_TIMEOUT_S
        ).topics  # all of them: to ask for one by name may create it
        missing = [name for name in map(self._connection.named, topics) if name not in found]
        if missing:
            raise TopicMissingError(missing)
        return {topic: sorted(found[self._connection.named(topic)].partitions) for topic in topics}

    def earliest(self, topic: str, partitions: list[int]) -> Offsets:
        """The first offset that is still there, by partition."""
        return self._offsets(topic, partitions, OffsetSpec.earliest())

    def end(self, topic: str, partitions: list[int]) -> Offsets:
        """The offset at which the committed records end, by partition."""
        return self._offsets(topic, partitions, OffsetSpec.latest())

    def since(self, topic: str, end: Offsets, at: datetime) -> Offsets:
        """The offset of the first record whose timestamp is `at` or later, or `end`, by partition."""
        found = self._offsets(
            topic, list(end), OffsetSpec.for_timestamp(int(at.timestamp() * 1000))
        )
        return {
            partition: min(offset, end[partition]) if offset >= 0 else end[partition]
            for partition, offset in found.items()
        }

    def committed(self, group: str, topic: str, partitions: list[int]) -> Offsets:
        """The group's next offset by partition, where it has one; offsets in transactions that are still open do not count."""
        # Not by the admin client: librdkafka 2.16 crashes there on a coordinator that is still loading (a client without a group).
        consumer = Consumer(self._connection.reader(group))
        try:
            asked = [
                TopicPartition(self._connection.named(topic), partition) for partition in partitions
            ]
            found = committed_offsets(consumer, asked, _TIMEOUT_S)
        finally:
            consumer.close()
        return {position.partition: position.offset for position in found if position.offset >= 0}

    def _offsets(self, topic: str, partitions: list[int], spec: OffsetSpec) -> Offsets:
        asked = {
            TopicPartition(self._connection.named(topic), partition): spec
            for partition in partitions
        }

        def ask() -> Offsets:
            futures = self._admin.list_offsets(
                asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_TIMEOUT_S
            )
            try:
                return {
                    partition.partition: future.result().offset
                    for partition, future in futures.items()
                }
            except KafkaException as error:
                # librdkafka 2.16 asks again and again by the leader epochs that it has heard of, up to five minutes old
                if error.args[0].code() in PASSING:
                    with suppress(KafkaException):
                        self._admin.list_topics(timeout=_REFRESH_S)
                raise

        return persist(ask, _TIMEOUT_S)
