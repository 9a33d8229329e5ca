"""What each part of the system may do on a cluster that asks: one declaration, from which access control lists are made and checked.

Read and write carry describe with them, and write the idempotent write (Kafka's authorization primitives, since 3.0).
"""

from collections.abc import Iterable
from typing import NamedTuple

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from streams.kafka import topics
from streams.kafka.connection import READER_GROUP, Connection

READ, WRITE, DESCRIBE = AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE
CREATE, DESCRIBE_CONFIGS = AclOperation.CREATE, AclOperation.DESCRIBE_CONFIGS


class Acl(NamedTuple):
    """One operation on one resource, named without the prefix of topics. `prefixed`: on all whose names begin so."""

    operation: AclOperation
    resource: ResourceType
    name: str
    prefixed: bool = False


def _on_topics(operation: AclOperation, *names: str) -> tuple[Acl, ...]:
    return tuple(Acl(operation, ResourceType.TOPIC, name) for name in names)


def _in_group(operation: AclOperation, name: str) -> tuple[Acl, ...]:
    return (Acl(operation, ResourceType.GROUP, name),)


def _as_transactional(name: str, prefixed: bool = True) -> tuple[Acl, ...]:
    return (Acl(WRITE, ResourceType.TRANSACTIONAL_ID, name, prefixed),)


_READER = _in_group(DESCRIBE, READER_GROUP)
_ALL = tuple(topic.name for topic in topics.TOPICS)

ACLS: dict[str, tuple[Acl, ...]] = {
    "topics": (
        *_on_topics(CREATE, *_ALL),
        *_on_topics(DESCRIBE, *_ALL),
        *_on_topics(DESCRIBE_CONFIGS, *_ALL),
    ),
    "replay": _on_topics(WRITE, topics.TRANSACTIONS, topics.LABELS),
    "score": (
        *_on_topics(READ, topics.TRANSACTIONS),
        *_on_topics(WRITE, topics.PREDICTIONS, topics.ALERTS, topics.DEAD_LETTERS),
        *_in_group(READ, topics.SCORER_GROUP),
        *_as_transactional("fraud-scorer-"),
    ),
    "monitor": (
        *_on_topics(READ, topics.PREDICTIONS, topics.DRIFT_EVENTS, topics.LABELS),
        *_on_topics(WRITE, topics.DRIFT_EVENTS),
        *_in_group(READ, topics.MONITOR_GROUP),
        *_as_transactional("fraud-monitor-"),
        *_READER,
    ),
    "report": (*_on_topics(READ, topics.PREDICTIONS, topics.DRIFT_EVENTS, topics.LABELS), *_READER),
    "serve": (
        *_on_topics(WRITE, topics.TRANSACTIONS, topics.LABELS),
        *_on_topics(READ, topics.ALERTS, topics.LABELS, topics.DRIFT_EVENTS),
        *_READER,
    ),
    "alerts": (*_on_topics(READ, topics.ALERTS), *_READER),
    "ledger": (
        *_on_topics(READ, topics.TRANSACTIONS, topics.PREDICTIONS, topics.DEAD_LETTERS),
        *_in_group(DESCRIBE, topics.SCORER_GROUP),
        *_READER,
    ),
    "dlq": (
        *_on_topics(READ, topics.DEAD_LETTERS, topics.TRANSACTIONS),
        *_on_topics(WRITE, topics.TRANSACTIONS),
        *_as_transactional(topics.REDRIVE_TRANSACTIONAL_ID, prefixed=False),
        *_READER,
    ),
}
"""By the subcommand that needs them. `doctor` needs those of the command that it is asked about; `train` and `data` need none."""


def make_bindings(
    connection: Connection, wanted: Iterable[Acl], user: str, host: str = "*"
) -> list[AclBinding]:
    """The access control list that gives `user` these rights, for AdminClient.create_acls."""
    return [
        AclBinding(
            right.resource,
            connection.named(right.name),
            ResourcePatternType.PREFIXED if right.prefixed else ResourcePatternType.LITERAL,
            f"User:{user}",
            host,
            right.operation,
            AclPermissionType.ALLOW,
        )
        for right in wanted
    ]
