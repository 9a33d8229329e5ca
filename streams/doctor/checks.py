"""Checks a cluster through one connection: access, topics, offset retention, ACLs and clock.

Read-only, except that the check of transactional ids opens one that no worker uses.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
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
from streams.kafka.auth import connect_admin
from streams.kafka.clock import CLOCK_DIFFERENCE
from streams.kafka.cluster import Cluster, Offsets
from streams.kafka.connection import Connection
from streams.kafka.errors import RefusedError, TopicRecreatedError
from streams.kafka.open_transactions import OWN_TRANSACTION_S, find_hidden
from streams.kafka.topic_admin import choose_command, choose_partitions, find_usual_count
from streams.kafka.topic_settings import compare, has_sender_time

_ANSWER_S = 10
_OPEN = "open transactions"
_OFFSETS = "offsets of groups"
_OFFSETS_TOPIC = "topic of offsets"
_CLOCK = "clock"
_WRITTEN_IN_TRANSACTIONS = (topics.TRANSACTIONS, *topics.OUTCOMES, topics.ALERTS)
_SCORED_BY = {"score", "ledger"}
_UNSUPPORTED = {KafkaError._UNSUPPORTED_FEATURE, KafkaError.UNSUPPORTED_VERSION}
_TRANSACTIONS_KEPT_MIN = topics.BY_NAME[topics.TRANSACTIONS].retention_ms // 60_000


class CheckStatus(StrEnum):
    """FAIL: something will not work. WARN: it works, with something to know or to do."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    what: str
    verdict: CheckStatus
    found: str
    advice: str = ""


def check_cluster(
    connection: Connection,
    roles: Iterable[str],
    now_ms: Callable[[], int],
    declared: Sequence[topics.Topic] = topics.TOPICS,
) -> Iterator[Finding]:
    """Yield all findings about the cluster; stop after the first if it can't be reached.

    A question that the cluster does not answer is one finding, and costs no other.

    `roles`: keys of ACLS. `now_ms` returns milliseconds since 1970.
    """
    try:
        admin = connect_admin(connection)
    except RefusedError as error:
        advice = "fix FRAUD_KAFKA_CONFIG; docs/security.md has an example"
        yield Finding("connection", CheckStatus.FAIL, str(error), advice)
        return
    except KafkaException as error:
        yield report_unreachable(connection, error.args[0])
        return
    yield check_encryption(connection)
    states = describe_topics(admin, connection)
    yield from check_topics(connection, states, declared)
    yield try_check(_OFFSETS, lambda: check_offsets_retention(get_offsets_retention_min(admin)))
    cluster = Cluster(connection)
    found = [name for name in _WRITTEN_IN_TRANSACTIONS if isinstance(states[name], TopicState)]
    if found:
        yield try_check(
            _OPEN,
            lambda: check_open_transactions({name: find_hidden(cluster, name) for name in found}),
        )
    checker = AclChecker(admin, connection, states)
    permitted = []
    for role in roles:
        finding = try_check(_name_permissions(role), partial(_check_role, checker, role))
        yield finding
        if finding.verdict is not CheckStatus.FAIL:
            permitted.append(role)
    # a user that may not read the group would wait in vain for its offsets
    if _SCORED_BY.intersection(permitted) and all(
        isinstance(states[name], TopicState) for name in (topics.TRANSACTIONS, *topics.OUTCOMES)
    ):
        yield try_check(_OFFSETS_TOPIC, lambda: check_offsets_topic(cluster))
    yield try_check(
        _CLOCK, lambda: check_clock(_find_newest_ms(admin, connection, states), now_ms())
    )


def try_check(what: str, check: Callable[[], Finding]) -> Finding:
    """Return the finding of `check`; if it fails, a finding about `what` that says why."""
    try:
        return check()
    except KafkaException as error:
        cause: KafkaError = error.args[0]
        found = f"can't be checked: {cause.str()}"
        if cause.code() in _UNSUPPORTED:
            advice = "nothing to do, if no other check fails: these brokers do not support it"
            return Finding(what, CheckStatus.WARN, found, advice)
        advice = "run this again; if it stays so, see the brokers' logs"
        return Finding(what, CheckStatus.FAIL, found, advice)
    except OSError as error:
        found = f"can't be checked: {error}"
        return Finding(what, CheckStatus.FAIL, found, "run this as the user that runs `fraud`")


def _check_role(checker: AclChecker, role: str) -> Finding:
    return check_acls(role, *checker.check(ACLS[role]))


def report_unreachable(connection: Connection, error: KafkaError) -> Finding:
    """Report that no broker answers, with the client's last error."""
    return Finding(
        "connection",
        CheckStatus.FAIL,
        f"no broker answers at {connection.bootstrap_servers}: {error.str()}",
        "start it (`fraud kafka start` starts the local one), or correct FRAUD_BOOTSTRAP_SERVERS; "
        "the wrong side of TLS gets no answer either: see security.protocol in FRAUD_KAFKA_CONFIG",
    )


def check_encryption(connection: Connection) -> Finding:
    """Check that traffic to other machines is encrypted."""
    protocol = connection.properties.get("security.protocol", "plaintext").upper()
    found = f"{connection.bootstrap_servers} answers, {protocol}"
    if protocol.endswith("SSL") or all(map(_is_local, connection.bootstrap_servers.split(","))):
        return Finding("connection", CheckStatus.OK, found)
    advice = "the network can read transactions and passwords: use SASL_SSL (docs/security.md)"
    return Finding("connection", CheckStatus.WARN, found, advice)


def _is_local(server: str) -> bool:
    host = server.strip().rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def check_topics(
    connection: Connection,
    states: dict[str, TopicState | KafkaError],
    declared: Sequence[topics.Topic] = topics.TOPICS,
) -> Iterator[Finding]:
    """Compare each declared topic with its state.

    Unless declared otherwise, a topic should have as many partitions as most topics have.
    """
    counts = [
        state.partitions
        for topic in declared
        if isinstance(state := states[topic.name], TopicState) and topic.partitions is None
    ]
    usual = find_usual_count(counts) if counts else topics.PARTITIONS
    for topic in declared:
        yield _check_topic(connection, topic, states[topic.name], usual)


def _check_topic(
    connection: Connection, topic: topics.Topic, state: TopicState | KafkaError, usual: int
) -> Finding:
    what = f"topic {topic.name}"
    if not isinstance(state, TopicState):
        return _explain_unknown_topic(what, state)
    counted = f"{state.partitions} partitions, {state.replicas} replicas"
    if state.config is None:
        advice = "for a full check, run this as the user that runs `fraud topics`"
        found = f"{counted}; this user may not see its settings"
        return Finding(what, CheckStatus.WARN, found, advice)
    name = connection.qualify(topic.name)
    if differences := compare(topic.settings(state.replicas), state.config):
        advice = f"run: {choose_command(connection, name, differences)}"
        found = f"has {', '.join(map(str, differences))}"
        return Finding(what, CheckStatus.FAIL, found, advice)
    if finding := _check_partitions(connection, topic, state, usual):
        return finding
    if differences := compare(topic.preferences(), state.config):
        advice = (
            "records that are large before their compression can stop the scorer; to refuse them, "
            f"run: {choose_command(connection, name, differences)}"
        )
        return Finding(what, CheckStatus.WARN, f"has {', '.join(map(str, differences))}", advice)
    kept = ", with its senders' timestamps" if has_sender_time(state.config) else ""
    return Finding(what, CheckStatus.OK, f"{counted}, as declared{kept}")


def _check_partitions(
    connection: Connection, topic: topics.Topic, state: TopicState, usual: int
) -> Finding | None:
    what = f"topic {topic.name}"
    declared = topic.partitions or usual
    if state.partitions == declared:
        return None
    advice = choose_partitions(connection, topic, state.partitions, declared)
    if topic.partitions:
        found = f"has {state.partitions} partitions, {declared} are declared"
        return Finding(what, CheckStatus.FAIL, found, advice)
    found = f"has {state.partitions} partitions, {declared} are usual here"
    return Finding(what, CheckStatus.WARN, found, advice)


def _explain_unknown_topic(what: str, error: KafkaError) -> Finding:
    if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        advice = "nothing to do, unless a command that this user runs needs it"
        return Finding(what, CheckStatus.WARN, "this user may not see it", advice)
    missing = error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    found = "does not exist" if missing else error.str()
    return Finding(what, CheckStatus.FAIL, found, "run: fraud topics")


def check_offsets_retention(kept_min: int | None) -> Finding:
    """Check that a group's offsets outlive `transactions`.

    `kept_min`: minutes that the offsets of a group without members are kept, None if not visible.
    """
    what = _OFFSETS
    if kept_min is None:
        found = "this user may not see how long they are kept"
        advice = (
            f"ask the Kafka administrator whether {OFFSETS_RETENTION} is more than "
            f"{_TRANSACTIONS_KEPT_MIN:,}, the retention of `transactions`"
        )
        return Finding(what, CheckStatus.WARN, found, advice)
    found = (
        f"kept for {kept_min:,} minutes after the last member left; "
        f"`transactions` for {_TRANSACTIONS_KEPT_MIN:,}"
    )
    if kept_min > _TRANSACTIONS_KEPT_MIN:
        return Finding(what, CheckStatus.OK, found)
    advice = (
        f"set {OFFSETS_RETENTION} higher on the brokers: a scorer that is away for longer stops, "
        "because it can't tell which transactions it has scored"
    )
    return Finding(what, CheckStatus.WARN, found, advice)


def check_offsets_topic(cluster: Cluster) -> Finding:
    """Check that the scorer's offsets are of this `transactions`, not of a deleted one."""
    [partitions] = cluster.list_partitions(topics.TRANSACTIONS).values()
    committed = cluster.find_epochs(topics.SCORER_GROUP, topics.TRANSACTIONS, partitions)
    try:
        cluster.check_epochs(
            topics.SCORER_GROUP,
            topics.TRANSACTIONS,
            committed,
            topics.OUTCOMES,
            "`fraud score` and `fraud ledger` refuse that",
        )
    except TopicRecreatedError as error:
        advice = "to accept the new topic: docs/runbooks/scorer-down.md"
        return Finding(_OFFSETS_TOPIC, CheckStatus.FAIL, str(error), advice)
    found = "those of fraud-scorer are of this `transactions`" if committed else "none yet"
    return Finding(_OFFSETS_TOPIC, CheckStatus.OK, found)


def _name_permissions(role: str) -> str:
    return f"permissions of {role}"


def check_open_transactions(hidden: Mapping[str, Offsets]) -> Finding:
    """Report partitions whose last offsets are behind an open transaction.

    `hidden`: the number of such offsets by topic and partition.
    """
    listed = "; ".join(
        f"`{topic}` ({_list_hidden(offsets)})" for topic, offsets in hidden.items() if offsets
    )
    if not listed:
        return Finding(_OPEN, CheckStatus.OK, f"none hides a record of {', '.join(hidden)}")
    found = (
        f"one was left open for over {OWN_TRANSACTION_S:.0f} s: nobody can read the last offsets "
        f"of {listed}"
    )
    advice = "end it, or wait until it times out: docs/runbooks/transaction-left-open.md"
    return Finding(_OPEN, CheckStatus.FAIL, found, advice)


def _list_hidden(offsets: Offsets) -> str:
    return ", ".join(f"{count:,} of partition {number}" for number, count in offsets.items())


def check_acls(role: str, missing: list[str], unknown: list[str]) -> Finding:
    """Report the permissions that `fraud <role>` lacks, and those that can't be checked."""
    what = _name_permissions(role)
    if missing:
        advice = "grant it (docs/security.md has the list), or name this user's commands with --for"
        return Finding(what, CheckStatus.FAIL, f"may not {', '.join(missing)}", advice)
    note = f"; not known: {', '.join(unknown)}" if unknown else ""
    return Finding(what, CheckStatus.OK, f"complete{note}")


def check_clock(newest_ms: int, now_ms: int) -> Finding:
    """Compare this clock with the newest record's timestamp, -1 if there is no record.

    Both are in milliseconds since 1970. Kafka doesn't tell clients its time, so only a record from
    the future shows a difference.
    """
    if newest_ms < 0:
        return Finding(_CLOCK, CheckStatus.OK, "can't be checked: there is no record yet")
    ahead_s = (newest_ms - now_ms) / 1000
    if ahead_s <= 1:
        found = "no record is from the future; a clock that is ahead can't be detected"
        return Finding(_CLOCK, CheckStatus.OK, found)
    found = (
        f"the newest record is {ahead_s:,.1f} s ahead of this clock: "
        "this clock is behind, or the writer's is ahead"
    )
    advice = "let NTP set the clocks: latencies, `--since` and labels depend on them"
    too_far = ahead_s > CLOCK_DIFFERENCE.total_seconds()
    return Finding(_CLOCK, CheckStatus.FAIL if too_far else CheckStatus.WARN, found, advice)


def _find_newest_ms(
    admin: AdminClient, connection: Connection, states: dict[str, TopicState | KafkaError]
) -> int:
    """Return the latest timestamp of any record in ms since 1970, -1 without records."""
    specs = {
        TopicPartition(connection.qualify(name), partition): OffsetSpec.max_timestamp()
        for name, state in states.items()
        if isinstance(state, TopicState)
        for partition in range(state.partitions)
    }
    answers = admin.list_offsets(specs, request_timeout=_ANSWER_S).values() if specs else ()
    return max((answer.result().timestamp for answer in answers), default=-1)
