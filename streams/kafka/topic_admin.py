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


def create(
    connection: Connection,
    partitions: int = PARTITIONS,
    replication: int = 1,
    declared: Iterable[Topic] = TOPICS,
) -> list[str]:
    """Create the missing topics and return their names.

    Raises TopicMismatchError, before creating any, if one exists with other partitions, and after
    that if one has less safe settings; TopicError if a new one does not appear; KafkaException if
    the cluster refuses.
    """
    admin = AdminClient(connection.make_client_config())
    wanted = {connection.qualify(topic.name): topic for topic in declared}
    found = find_topics(admin, wanted)
    missing = [name for name in wanted if name not in found]
    if wrong := _list_other_counts(connection, wanted, found, partitions):
        wrong += _list_unsafe(connection, wanted, found)
        if missing:
            wrong.append(f"not created until then: {', '.join(missing)}")
        raise TopicMismatchError("\n".join(wrong))
    new = [
        NewTopic(
            name,
            wanted[name].partitions or partitions,
            replication,
            config=wanted[name].config(replication),
        )
        for name in missing
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
    others = find_topics(admin, (name for name in wanted if name not in created))
    wrong = _list_other_counts(connection, wanted, others, partitions)
    if wrong := wrong + _list_unsafe(connection, wanted, others):
        if created:
            wrong.append(f"created {', '.join(created)}")
        raise TopicMismatchError("\n".join(wrong))
    return created


def refuse_unsafe(admin: AdminClient, connection: Connection, names: Iterable[str]) -> None:
    """Refuse topics, by their names without prefix, that may lose or refuse records.

    Raises TopicMismatchError, KafkaException. Settings that this user may not see are logged.
    """
    chosen = set(names)
    wanted = {connection.qualify(topic.name): topic for topic in TOPICS if topic.name in chosen}
    found = find_topics(admin, wanted)
    hidden = [name for name, topic in found.items() if topic.config is None]
    if hidden:
        log.warning(
            "this user may not see the settings of %s, so nobody checks whether they can lose "
            "records; grant DescribeConfigs on them",
            ", ".join(hidden),
        )
    if wrong := _list_unsafe(connection, wanted, found):
        raise TopicMismatchError("\n".join(wrong))


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


def make_reset_command(connection: Connection, group: str, topic: str, to: str) -> str:
    """Return the command that sets a group's offsets of a topic, by their full names.

    `topic` may end with ":" and a partition; `to` is an option of the tool.
    """
    tool = _tool("kafka-consumer-groups.sh", connection)
    return f"{tool} --group {group} --topic {topic} --reset-offsets {to} --execute"


def _tool(name: str, connection: Connection) -> str:
    secured = " --command-config client.properties" if connection.properties else ""
    return f"fraud kafka tool {name} --bootstrap-server {connection.bootstrap_servers}{secured}"


def choose_partitions(connection: Connection, topic: Topic, count: int, declared: int) -> str:
    """Return the commands for a topic that has `count` partitions instead of `declared`.

    Kafka adds partitions but never removes any.
    """
    name = connection.qualify(topic.name)
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


def _list_other_counts(
    connection: Connection,
    wanted: Mapping[str, Topic],
    found: Mapping[str, FoundTopic],
    partitions: int,
) -> list[str]:
    """Return which topics have other partitions than declared, and the commands to choose from."""
    wrong = []
    for name, topic in found.items():
        declared = wanted[name].partitions or partitions
        if topic.partitions != declared:
            choice = choose_partitions(connection, wanted[name], topic.partitions, declared)
            wrong.append(
                f"{name} has {topic.partitions} partitions, declared are {declared}; {choice}"
            )
    return wrong


def _list_unsafe(
    connection: Connection, wanted: Mapping[str, Topic], found: Mapping[str, FoundTopic]
) -> list[str]:
    """Return which topics have less safe settings than declared, and the commands that mend it."""
    return [
        f"{name} has {', '.join(map(str, differences))}; "
        f"run: {choose_command(connection, name, differences)}"
        for name, topic in found.items()
        if (differences := find_differences(wanted[name], topic))
    ]
