"""What a cluster says of the topics and of this user's rights. To ask changes nothing but one transactional id that nobody uses."""

from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Producer, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient, ConfigResource, ResourceType

from streams.doctor.acls import Acl
from streams.kafka import topics
from streams.kafka.auth import refusal
from streams.kafka.cluster import persist
from streams.kafka.connection import Connection

_ANSWER_S = 10
OFFSETS_RETENTION = "offsets.retention.minutes"
_PROBE = "doctor"  # after a prefix such as "fraud-scorer-": no worker has this id, so none is fenced by the probe


@dataclass(frozen=True)
class TopicState:
    """A topic as it is on the cluster. `config` is None where this user may not see it."""

    partitions: int
    replicas: int
    config: dict[str, str | None] | None
    allowed: frozenset[AclOperation]


def describe_topics(
    admin: AdminClient, connection: Connection
) -> dict[str, TopicState | KafkaError]:
    """Each declared topic by its name without the prefix, or why nothing is known of it."""
    names = {connection.named(topic.name): topic.name for topic in topics.TOPICS}
    asked = admin.describe_topics(
        TopicCollection(list(names)), include_authorized_operations=True, request_timeout=_ANSWER_S
    )
    configs = admin.describe_configs(
        [ConfigResource(ResourceType.TOPIC, name) for name in names], request_timeout=_ANSWER_S
    )
    by_name = {resource.name: answer for resource, answer in configs.items()}
    found: dict[str, TopicState | KafkaError] = {}
    for name, answer in asked.items():
        try:
            topic = answer.result()
        except KafkaException as error:
            found[names[name]] = error.args[0]
            continue
        replicas = min(len(partition.replicas) for partition in topic.partitions)
        allowed = frozenset(topic.authorized_operations or ())
        found[names[name]] = TopicState(
            len(topic.partitions), replicas, _config(by_name[name]), allowed
        )
    return found


def _config(answer: "object") -> dict[str, str | None] | None:
    try:
        return {key: entry.value for key, entry in answer.result().items()}  # type: ignore[attr-defined]  # a future of the library's own
    except KafkaException:
        return None


def get_offsets_retention_min(admin: AdminClient) -> int | None:
    """For how many minutes a group's offsets outlive its last member, on the broker that forgets them first; None: it may not be seen."""
    brokers = admin.describe_cluster(request_timeout=_ANSWER_S).result().nodes
    asked = [ConfigResource(ResourceType.BROKER, str(broker.id)) for broker in brokers]
    answers = admin.describe_configs(asked, request_timeout=_ANSWER_S).values()
    kept = [(_config(answer) or {}).get(OFFSETS_RETENTION) for answer in answers]
    return None if None in kept else min(int(minutes) for minutes in kept if minutes)


class AclChecker:
    """Finds out which rights this user has."""

    def __init__(
        self, admin: AdminClient, connection: Connection, states: dict[str, TopicState | KafkaError]
    ) -> None:
        self._admin = admin
        self._connection = connection
        self._states = states

    def of(self, wanted: Iterable[Acl]) -> tuple[list[str], list[str]]:
        """Those that are missing, and those of which nothing can be said, in words."""
        held = {right: self._has(right) for right in wanted}
        return [_named(right) for right, has in held.items() if has is False], [
            _named(right) for right, has in held.items() if has is None
        ]

    def _has(self, right: Acl) -> bool | None:
        if right.resource is ResourceType.TOPIC:
            return self._on_topic(right)
        if right.resource is ResourceType.GROUP:
            return self._in_group(right)
        return (
            self._as_transactional(right.name + _PROBE) if right.prefixed else None
        )  # to try the very id would fence who uses it

    def _on_topic(self, right: Acl) -> bool | None:
        state = self._states[right.name]
        if isinstance(state, TopicState):
            return right.operation in state.allowed
        return False if refusal(state) else None

    def _in_group(self, right: Acl) -> bool | None:
        name = self._connection.named(right.name)

        def ask() -> bool:
            asked = self._admin.describe_consumer_groups(
                [name], include_authorized_operations=True, request_timeout=_ANSWER_S
            )
            return right.operation in (asked[name].result().authorized_operations or ())

        try:
            return persist(
                ask, _ANSWER_S
            )  # on a new cluster the first group's coordinator is only being made
        except KafkaException as error:
            return False if refusal(error.args[0]) else None

    def _as_transactional(self, name: str) -> bool | None:
        producer = Producer(
            self._connection.writer({"transactional.id": self._connection.named(name)})
        )
        try:
            producer.init_transactions(_ANSWER_S)
        except KafkaException as error:
            return False if refusal(error.args[0]) else None
        return True


def _named(right: Acl) -> str:
    kind = right.resource.name.lower().replace("_", " ")
    return f"{right.operation.name.lower()} {kind} {right.name}{'*' if right.prefixed else ''}"
