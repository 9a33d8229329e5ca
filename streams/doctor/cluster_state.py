"""Describes a cluster's topics, its settings and this user's permissions.

Read-only, except that AclChecker opens one transactional id that no worker uses.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Producer, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient, ConfigResource, ResourceType

from streams.doctor.acls import Acl
from streams.kafka import topics
from streams.kafka.connection import Connection
from streams.kafka.errors import classify_refusal
from streams.kafka.retry import retry_for

_ANSWER_S = 10
OFFSETS_RETENTION = "offsets.retention.minutes"
# Appended to a prefix such as "fraud-scorer-". No worker has this id, so the check fences none.
_PROBE = "doctor"


@dataclass(frozen=True)
class TopicState:
    """A topic on the cluster. `config` is None if this user may not see it."""

    partitions: int
    replicas: int
    config: dict[str, str | None] | None
    allowed: frozenset[AclOperation]


def describe_topics(
    admin: AdminClient, connection: Connection
) -> dict[str, TopicState | KafkaError]:
    """Return the state of each declared topic by name without prefix, or why it is unknown."""
    names = {connection.qualify(topic.name): topic.name for topic in topics.TOPICS}
    descriptions = admin.describe_topics(
        TopicCollection(list(names)), include_authorized_operations=True, request_timeout=_ANSWER_S
    )
    configs = admin.describe_configs(
        [ConfigResource(ResourceType.TOPIC, name) for name in names], request_timeout=_ANSWER_S
    )
    config_by_name = {resource.name: answer for resource, answer in configs.items()}
    states: dict[str, TopicState | KafkaError] = {}
    for name, answer in descriptions.items():
        try:
            topic = answer.result()
        except KafkaException as error:
            states[names[name]] = error.args[0]
            continue
        states[names[name]] = TopicState(
            len(topic.partitions),
            min(len(partition.replicas) for partition in topic.partitions),
            _read_config(config_by_name[name]),
            frozenset(topic.authorized_operations or ()),
        )
    return states


def _read_config(answer: object) -> dict[str, str | None] | None:
    try:
        entries = answer.result()  # type: ignore[attr-defined]  # the library's own future
    except KafkaException:
        return None
    return {key: entry.value for key, entry in entries.items()}


def get_offsets_retention_min(admin: AdminClient) -> int | None:
    """Return the lowest offsets.retention.minutes of the brokers, None if not visible.

    That is how long a group's offsets outlive its last member.
    """
    brokers = admin.describe_cluster(request_timeout=_ANSWER_S).result().nodes
    resources = [ConfigResource(ResourceType.BROKER, str(broker.id)) for broker in brokers]
    answers = admin.describe_configs(resources, request_timeout=_ANSWER_S).values()
    minutes = [(_read_config(answer) or {}).get(OFFSETS_RETENTION) for answer in answers]
    return None if None in minutes else min(int(value) for value in minutes if value)


class AclChecker:
    """Checks which permissions this user has."""

    def __init__(
        self, admin: AdminClient, connection: Connection, states: dict[str, TopicState | KafkaError]
    ) -> None:
        self._admin = admin
        self._connection = connection
        self._states = states

    def check(self, acls: Iterable[Acl]) -> tuple[list[str], list[str]]:
        """Return descriptions of the missing permissions and of those that can't be checked."""
        results = {acl: self._is_allowed(acl) for acl in acls}
        missing = [_describe(acl) for acl, allowed in results.items() if allowed is False]
        unknown = [_describe(acl) for acl, allowed in results.items() if allowed is None]
        return missing, unknown

    def _is_allowed(self, acl: Acl) -> bool | None:
        if acl.resource is ResourceType.TOPIC:
            return self._check_topic(acl)
        if acl.resource is ResourceType.GROUP:
            return self._check_group(acl)
        if acl.prefixed:
            return self._check_transactional_id(acl.name + _PROBE)
        return None  # opening the id itself would fence its user

    def _check_topic(self, acl: Acl) -> bool | None:
        state = self._states[acl.name]
        if isinstance(state, TopicState):
            return acl.operation in state.allowed
        return False if classify_refusal(state) else None

    def _check_group(self, acl: Acl) -> bool | None:
        name = self._connection.qualify(acl.name)

        def ask() -> bool:
            answers = self._admin.describe_consumer_groups(
                [name], include_authorized_operations=True, request_timeout=_ANSWER_S
            )
            return acl.operation in (answers[name].result().authorized_operations or ())

        try:
            # A new cluster creates the coordinator of its first group on demand.
            return retry_for(_ANSWER_S, ask)
        except KafkaException as error:
            return False if classify_refusal(error.args[0]) else None

    def _check_transactional_id(self, name: str) -> bool | None:
        producer = Producer(
            self._connection.make_writer_config(
                {"transactional.id": self._connection.qualify(name)}
            )
        )
        try:
            producer.init_transactions(_ANSWER_S)
        except KafkaException as error:
            return False if classify_refusal(error.args[0]) else None
        return True


def _describe(acl: Acl) -> str:
    kind = acl.resource.name.lower().replace("_", " ")
    return f"{acl.operation.name.lower()} {kind} {acl.name}{'*' if acl.prefixed else ''}"
