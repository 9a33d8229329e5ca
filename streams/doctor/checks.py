"""What is wrong with a cluster, as far as one connection can see: is it let in, are the topics as declared, which rights are missing.

Questions that change nothing, but for one: whether a transactional id may be used is tried with an id that nobody uses.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.doctor.acls import ACLS
from streams.doctor.cluster_state import (
    OFFSETS_RETENTION,
    AclChecker,
    TopicState,
    describe_topics,
    get_offsets_retention_min,
)
from streams.kafka import topics
from streams.kafka.auth import RefusedError, connect_admin
from streams.kafka.clock import CLOCK_DIFFERENCE
from streams.kafka.connection import Connection

_ANSWER_S = 10
_KEPT_MIN = (
    next(topic.retention_ms for topic in topics.TOPICS if topic.name == topics.TRANSACTIONS)
    // 60_000
)


class Verdict(StrEnum):
    """FAIL: something will not work. WARN: it works, and there is something to know or to do."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One line of a diagnosis."""

    what: str
    verdict: Verdict
    found: str
    advice: str = ""


def check_cluster(
    connection: Connection, roles: Iterable[str], now_ms: Callable[[], int]
) -> Iterator[Finding]:
    """Everything about the cluster; what cannot be asked after an earlier failure is left out. `roles`: keys of ACLS."""
    try:
        admin = connect_admin(connection)
    except RefusedError as error:
        yield Finding(
            "connection",
            Verdict.FAIL,
            str(error),
            "fix FRAUD_KAFKA_CONFIG; docs/security.md has an example",
        )
        return
    except KafkaException as error:
        yield report_unreachable(error.args[0], connection)
        return
    yield check_encryption(connection)
    states = describe_topics(admin, connection)
    yield from check_topics(states)
    yield check_offsets_retention(get_offsets_retention_min(admin))
    held = AclChecker(admin, connection, states)
    for role in roles:
        yield check_acls(role, *held.of(ACLS[role]))
    yield check_clock(_newest_ms(admin, connection, states), now_ms())


def report_unreachable(error: KafkaError, connection: Connection) -> Finding:
    """No client, or no answer to it."""
    if error.code() == KafkaError._INVALID_ARG:
        return Finding(
            "connection", Verdict.FAIL, error.str(), "fix this line of FRAUD_KAFKA_CONFIG"
        )
    return Finding(
        "connection",
        Verdict.FAIL,
        f"no broker answers at {connection.bootstrap_servers}",
        "start one with `fraud kafka start`, or set FRAUD_BOOTSTRAP_SERVERS; a broker that wants TLS is silent too: "
        "security.protocol in FRAUD_KAFKA_CONFIG",
    )


def check_encryption(connection: Connection) -> Finding:
    """A broker answers; in the clear is fine inside this machine only."""
    protocol = connection.properties.get("security.protocol", "plaintext").upper()
    found = f"{connection.bootstrap_servers} answers, {protocol}"
    if protocol.endswith("SSL") or all(map(_local, connection.bootstrap_servers.split(","))):
        return Finding("connection", Verdict.OK, found)
    return Finding(
        "connection",
        Verdict.WARN,
        found,
        "transactions and passwords can be read on the way: use SASL_SSL (docs/security.md)",
    )


def _local(server: str) -> bool:
    host = server.strip().rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def check_topics(states: dict[str, TopicState | KafkaError]) -> Iterator[Finding]:
    """Each declared topic against what was found under its name; all are to have as many partitions as `transactions`."""
    first = states[topics.TRANSACTIONS]
    partitions = first.partitions if isinstance(first, TopicState) else topics.PARTITIONS
    for topic in topics.TOPICS:
        yield _check_topic(topic, states[topic.name], partitions)


def _check_topic(topic: topics.Topic, state: TopicState | KafkaError, partitions: int) -> Finding:
    what = f"topic {topic.name}"
    if not isinstance(state, TopicState):
        if state.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return Finding(
                what,
                Verdict.WARN,
                "this user may not see it",
                "nothing to do, if none of the commands used here needs it",
            )
        missing = state.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
        return Finding(
            what, Verdict.FAIL, "does not exist" if missing else state.str(), "run: fraud topics"
        )
    if state.config is None:
        seen = f"{state.partitions} partitions; its settings may not be seen"
        return Finding(
            what, Verdict.WARN, seen, "for a full check, run this as whoever runs `fraud topics`"
        )
    differences = topic.differences(state.partitions, state.config, partitions)
    if differences:
        advice = "set it with Kafka's kafka-configs tool, or delete the topic and run: fraud topics"
        return Finding(what, Verdict.FAIL, "; ".join(differences), advice)
    found = f"{state.partitions} partitions, {state.replicas} replicas, as declared"
    if state.replicas >= 3 and state.config.get("min.insync.replicas") == "1":
        advice = "set min.insync.replicas=2: one replica's disk alone is no safe place"
        return Finding(what, Verdict.WARN, found + ", min.insync.replicas=1", advice)
    return Finding(what, Verdict.OK, found)


def check_offsets_retention(kept_min: int | None) -> Finding:
    """`kept_min`: for how many minutes the offsets of a group without members are kept, None where that may not be seen."""
    what = "offsets of groups"
    if kept_min is None:
        advice = f"ask whoever runs Kafka whether {OFFSETS_RETENTION} is more than {_KEPT_MIN:,}: `transactions` is kept so long"
        return Finding(what, Verdict.WARN, "for how long they are kept may not be seen", advice)
    found = f"kept for {kept_min:,} minutes after the last member left; `transactions` for {_KEPT_MIN:,}"
    if kept_min > _KEPT_MIN:
        return Finding(what, Verdict.OK, found)
    advice = f"set {OFFSETS_RETENTION} higher on the brokers: a scorer away for longer begins anew, and what was deleted unread is not named"
    return Finding(what, Verdict.WARN, found, advice)


def check_acls(role: str, missing: list[str], untried: list[str]) -> Finding:
    """What `fraud <role>` may not do, and what cannot be found out."""
    what = f"rights for {role}"
    if missing:
        advice = "grant it (docs/security.md has the list), or say with --for what this user is for"
        return Finding(what, Verdict.FAIL, f"may not {', '.join(missing)}", advice)
    return Finding(
        what, Verdict.OK, "all there" + (f"; not known: {', '.join(untried)}" if untried else "")
    )


def check_clock(newest_ms: int, now_ms: int) -> Finding:
    """`newest_ms`: the latest timestamp of any record, -1 without one. Kafka tells no client its time: only a future record shows a lag."""
    ahead_s = (newest_ms - now_ms) / 1000
    if newest_ms < 0:
        return Finding("clock", Verdict.OK, "cannot be compared: there is no record yet")
    if ahead_s <= 1:
        return Finding(
            "clock",
            Verdict.OK,
            "no record is from the future; whether this clock is ahead cannot be seen from here",
        )
    tolerated = CLOCK_DIFFERENCE.total_seconds()
    advice = "let NTP set the clocks: latencies, `--since` and labels go by them"
    found = f"the newest record is {ahead_s:,.1f} s ahead of this clock: this clock is behind, or the writer's is ahead"
    return Finding("clock", Verdict.FAIL if ahead_s > tolerated else Verdict.WARN, found, advice)


def _newest_ms(
    admin: AdminClient, connection: Connection, states: dict[str, TopicState | KafkaError]
) -> int:
    asked = {
        TopicPartition(connection.named(name), partition): OffsetSpec.max_timestamp()
        for name, state in states.items()
        if isinstance(state, TopicState)
        for partition in range(state.partitions)
    }
    answers = admin.list_offsets(asked, request_timeout=_ANSWER_S).values() if asked else ()
    return max((answer.result().timestamp for answer in answers), default=-1)
