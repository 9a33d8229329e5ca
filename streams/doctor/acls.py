"""The Kafka permissions of each subcommand, declared once, to create ACLs from and to check them.

READ and WRITE imply DESCRIBE, and WRITE implies the idempotent write (since Kafka 3.0).
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

READ = AclOperation.READ
WRITE = AclOperation.WRITE
DESCRIBE = AclOperation.DESCRIBE
CREATE = AclOperation.CREATE
DESCRIBE_CONFIGS = AclOperation.DESCRIBE_CONFIGS


class Acl(NamedTuple):
    """One operation on one resource; `prefixed`: on all resources whose name starts with `name`.

    `name` is without the prefix of topics.
    """

    operation: AclOperation
    resource: ResourceType
    name: str
    prefixed: bool = False


def _permit_on_topics(operation: AclOperation, *names: str) -> tuple[Acl, ...]:
    return tuple(Acl(operation, ResourceType.TOPIC, name) for name in names)


def _permit_on_group(operation: AclOperation, name: str) -> tuple[Acl, ...]:
    return (Acl(operation, ResourceType.GROUP, name),)


def _permit_transactional_id(name: str, prefixed: bool = True) -> tuple[Acl, ...]:
    return (Acl(WRITE, ResourceType.TRANSACTIONAL_ID, name, prefixed),)


_READER = _permit_on_group(DESCRIBE, READER_GROUP)
_ALL = tuple(topic.name for topic in topics.TOPICS)

ACLS: dict[str, tuple[Acl, ...]] = {
    "topics": (
        *_permit_on_topics(CREATE, *_ALL),
        *_permit_on_topics(DESCRIBE, *_ALL),
        *_permit_on_topics(DESCRIBE_CONFIGS, *_ALL),
    ),
    "replay": _permit_on_topics(WRITE, topics.TRANSACTIONS, topics.LABELS),
    "score": (
        *_permit_on_topics(READ, topics.TRANSACTIONS, topics.HISTORY),
        *_permit_on_topics(
            WRITE, topics.PREDICTIONS, topics.ALERTS, topics.DEAD_LETTERS, topics.HISTORY
        ),
        *_permit_on_topics(
            DESCRIBE_CONFIGS,
            topics.TRANSACTIONS,
            topics.PREDICTIONS,
            topics.ALERTS,
            topics.DEAD_LETTERS,
            topics.HISTORY,
        ),
        *_permit_on_group(READ, topics.SCORER_GROUP),
        *_permit_transactional_id("fraud-scorer-"),
        *_READER,
    ),
    "monitor": (
        *_permit_on_topics(READ, topics.PREDICTIONS, topics.DRIFT_EVENTS, topics.LABELS),
        *_permit_on_topics(WRITE, topics.DRIFT_EVENTS),
        *_permit_on_topics(
            DESCRIBE_CONFIGS, topics.PREDICTIONS, topics.DRIFT_EVENTS, topics.LABELS
        ),
        *_permit_on_group(READ, topics.MONITOR_GROUP),
        *_permit_transactional_id("fraud-monitor-"),
        *_READER,
    ),
    "report": (
        *_permit_on_topics(READ, topics.PREDICTIONS, topics.DRIFT_EVENTS, topics.LABELS),
        *_READER,
    ),
    "serve": (
        *_permit_on_topics(WRITE, topics.TRANSACTIONS, topics.LABELS),
        *_permit_on_topics(READ, topics.ALERTS, topics.LABELS, topics.DRIFT_EVENTS),
        *_READER,
    ),
    "alerts": (*_permit_on_topics(READ, topics.ALERTS), *_READER),
    "ledger": (
        *_permit_on_topics(READ, topics.TRANSACTIONS, topics.PREDICTIONS, topics.DEAD_LETTERS),
        *_permit_on_group(DESCRIBE, topics.SCORER_GROUP),
        *_READER,
    ),
    "audit-features": (*_permit_on_topics(READ, topics.PREDICTIONS, topics.HISTORY), *_READER),
    "dlq": (
        *_permit_on_topics(READ, topics.DEAD_LETTERS, topics.TRANSACTIONS),
        *_permit_on_topics(WRITE, topics.TRANSACTIONS),
        *_permit_transactional_id(topics.REDRIVE_TRANSACTIONAL_ID, prefixed=False),
        *_READER,
    ),
}
"""By subcommand. `doctor` needs those of the commands it checks; `train` and `data` need none."""


def make_bindings(
    connection: Connection, acls: Iterable[Acl], user: str, host: str = "*"
) -> list[AclBinding]:
    """Return the bindings that allow `user` these operations, for AdminClient.create_acls."""
    return [
        AclBinding(
            acl.resource,
            connection.qualify(acl.name),
            ResourcePatternType.PREFIXED if acl.prefixed else ResourcePatternType.LITERAL,
            f"User:{user}",
            host,
            acl.operation,
            AclPermissionType.ALLOW,
        )
        for acl in acls
    ]
