"""Creates the topics, and compares those on a cluster with their declaration."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from time import monotonic, sleep

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
    TopicMetadata,
)

from streams.kafka.connection import Connection
from streams.kafka.errors import TopicError, TopicMismatchError, classify_refusal
from streams.kafka.topic_settings import Difference, choose_changes, compare
from streams.kafka.topics import PARTITIONS, TOPICS, Topic

log = logging.getLogger(__name__)

_TIMEOUT_S = 30
_POLL_S = 0.05

Config = Mapping[str, str | None]


@dataclass(frozen=True)
class FoundTopic:
    """A topic on the cluster. `config` is None if this user may not see it."""

    partitions: int
    replicas: int
    config: Config | None


def create(connection: Connection, partitions: int = PARTITIONS, replication: int = 1) -> list[str]:
    """Create the missing topics and return their names.

    Raises TopicMismatchError, before creating any, if one exists with other partitions or less safe
    settings; TopicError if a new one does not appear; KafkaException if the cluster refuses.
    """
    admin = AdminClient(connection.make_client_config())
    wanted = {connection.full_name(topic.name): topic for topic in TOPICS}
    existing = wanted.keys() & admin.list_topics(timeout=_TIMEOUT_S).topics.keys()
    found = {name: topic for name, topic in wanted.items() if name in existing}
    _refuse_mismatch(admin, connection, found, partitions)
    new = [
        NewTopic(
            name, topic.partitions or partitions, replication, config=topic.config(replication)
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
    others = {
        name: topic
        for name, topic in wanted.items()
        if name not in created and name not in existing
    }
    _refuse_mismatch(admin, connection, others, partitions)
    return created


def refuse_unsafe(admin: AdminClient, connection: Connection, names: Iterable[str]) -> None:
    """Refuse topics, by their names without prefix, that may lose or refuse records.

    Raises TopicMismatchError, KafkaException. Settings that this user may not see are logged.
    """
    chosen = set(names)
    wanted = {connection.full_name(topic.name): topic for topic in TOPICS if topic.name in chosen}
    found = find_topics(admin, wanted)
    hidden = [name for name, topic in found.items() if topic.config is None]
    if hidden:
        log.warning(
            "this user may not see the settings of %s, so nobody checks whether they can lose "
            "records; grant DescribeConfigs on them",
            ", ".join(hidden),
        )
    wrong = [
        _explain_settings(connection, name, differences)
        for name, topic in found.items()
        if (differences := find_differences(wanted[name], topic))
    ]
    if wrong:
        raise TopicMismatchError("; ".join(wrong))


def find_topics(admin: AdminClient, names: Iterable[str]) -> dict[str, FoundTopic]:
    """Return those of the topics that exist, by full name."""
    metadata = admin.list_topics(timeout=_TIMEOUT_S).topics
    existing = [name for name in names if name in metadata]
    if not existing:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in existing]
    answers = admin.describe_configs(resources, request_timeout=_TIMEOUT_S)
    configs = {resource.name: _read_config(answer) for resource, answer in answers.items()}
    return {
        name: FoundTopic(
            len(metadata[name].partitions), count_replicas(metadata[name]), configs[name]
        )
        for name in existing
    }


def count_replicas(topic: TopicMetadata) -> int:
    """Return the number of replicas of the topic's least replicated partition."""
    return min((len(partition.replicas) for partition in topic.partitions.values()), default=1)


def find_differences(topic: Topic, found: FoundTopic) -> list[Difference]:
    """Return the settings in which a topic is less safe than declared; none if they are hidden."""
    if found.config is None:
        return []
    return compare(topic.settings(found.replicas), found.config)


def choose_command(connection: Connection, name: str, differences: list[Difference]) -> str:
    """Return the command that mends the settings of a topic, with its full name.

    If the senders' timestamps may stay, return the command for that too.
    """
    commands = (
        make_alter_command(connection, name, changes) for changes in choose_changes(differences)
    )
    return ", or, to keep the senders' timestamps: ".join(commands)


def make_alter_command(connection: Connection, name: str, settings: Mapping[str, str]) -> str:
    """Return the command that alters settings of a topic, with its full name."""
    changes = ",".join(f"{key}={value}" for key, value in settings.items())
    tool = _tool("kafka-configs.sh", connection)
    return f"{tool} --alter --entity-type topics --entity-name {name} --add-config {changes}"


def make_grow_command(connection: Connection, name: str, partitions: int) -> str:
    """Return the command that gives a topic, with its full name, that many partitions."""
    tool = _tool("kafka-topics.sh", connection)
    return f"{tool} --alter --topic {name} --partitions {partitions}"


def _tool(name: str, connection: Connection) -> str:
    secured = " --command-config client.properties" if connection.properties else ""
    return f"{name} --bootstrap-server {connection.bootstrap_servers}{secured}"


def choose_partitions(connection: Connection, topic: Topic, count: int, declared: int) -> str:
    """Return the commands for a topic that has `count` partitions instead of `declared`.

    Kafka adds partitions but never removes any.
    """
    name = connection.full_name(topic.name)
    if count < declared:
        change = make_grow_command(connection, name, declared)
    else:
        tool = _tool("kafka-topics.sh", connection)
        change = f"{tool} --delete --topic {name} (its records are lost), then: fraud topics"
    keep = "" if topic.partitions else f"to keep {count}, run: fraud topics --partitions {count}; "
    return f"{keep}to have {declared}, run: {change}"


def find_usual_count(counts: Iterable[int]) -> int:
    """Return the number of partitions that most topics have; of equally common ones, the first."""
    return Counter(counts).most_common(1)[0][0]


def _read_config(answer: object) -> Config | None:
    """Return the settings, None if this user may not see them. Raises KafkaException."""
    try:
        entries = answer.result()  # type: ignore[attr-defined]  # the library's own future
    except KafkaException as error:
        if classify_refusal(error.args[0]):
            return None
        raise
    return {key: entry.value for key, entry in entries.items()}


def _wait_until_known(admin: AdminClient, names: AbstractSet[str]) -> None:
    """Wait until the brokers report the new topics to clients. Raises TopicError."""
    deadline = monotonic() + _TIMEOUT_S
    while missing := names - admin.list_topics(timeout=_TIMEOUT_S).topics.keys():
        if monotonic() > deadline:
            raise TopicError(
                f"created, but not visible after {_TIMEOUT_S} s: {', '.join(sorted(missing))}"
            )
        sleep(_POLL_S)


def _refuse_mismatch(
    admin: AdminClient, connection: Connection, wanted: Mapping[str, Topic], partitions: int
) -> None:
    found = find_topics(admin, wanted)
    wrong = []
    for name, topic in wanted.items():
        count = found[name].partitions
        declared = topic.partitions or partitions
        if count != declared:
            choice = choose_partitions(connection, topic, count, declared)
            wrong.append(f"{name} has {count} partitions, declared are {declared}; {choice}")
        if differences := find_differences(topic, found[name]):
            wrong.append(_explain_settings(connection, name, differences))
    if wrong:
        raise TopicMismatchError("; ".join(wrong))


def _explain_settings(connection: Connection, name: str, differences: list[Difference]) -> str:
    command = choose_command(connection, name, differences)
    return f"{name} has {', '.join(map(str, differences))}; run: {command}"
