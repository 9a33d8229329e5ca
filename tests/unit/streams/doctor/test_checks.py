"""The status of each check, by what the cluster answers."""

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AclOperation
from support.topic_changes import LIMITED_SENDER_TIME

from streams.doctor import checks
from streams.doctor.checks import CheckStatus
from streams.doctor.cluster_state import TopicState
from streams.kafka import topics
from streams.kafka.connection import Connection

OK, WARN, FAIL = CheckStatus.OK, CheckStatus.WARN, CheckStatus.FAIL
ALL = frozenset(AclOperation)
COMPACTED = {"cleanup.policy": "compact"}


def state(name, partitions=4, replicas=1, **changes):
    declared = topics.BY_NAME[name]
    config = declared.config(replicas) | changes
    return TopicState(declared.partitions or partitions, replicas, config, ALL)


def topic_findings(**changed):
    """Findings by topic, all as declared with 4 partitions except those `changed`."""
    states = {topic.name: state(topic.name) for topic in topics.TOPICS} | changed
    findings = checks.check_topics(Connection("127.0.0.1:9092", "t."), states)
    return {finding.what.removeprefix("topic "): finding for finding in findings}


def topic_finding(name, found):
    return topic_findings(**{name: found})[name]


@pytest.mark.parametrize(
    ("name", "found", "verdict", "said"),
    [
        ("alerts", state("alerts"), OK, "4 partitions, 1 replicas, as declared"),
        ("drift.events", state("drift.events"), OK, "1 partitions"),
        ("alerts", state("alerts", partitions=5), WARN, "has 5 partitions, 4 are usual here"),
        ("drift.events", TopicState(2, 1, {}, ALL), FAIL, "has 2 partitions, 1 are declared"),
        (
            "alerts",
            state("alerts", **{"retention.ms": "1000"}),
            FAIL,
            "has retention.ms=1000 (declared: 2592000000 or more)",
        ),
        ("alerts", KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART), FAIL, "does not exist"),
        ("alerts", KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), WARN, "may not see it"),
        ("alerts", TopicState(4, 1, None, ALL), WARN, "may not see its settings"),
        ("alerts", state("alerts", **{"retention.ms": "-1"}), OK, "as declared"),
        ("transactions", state("transactions", **COMPACTED), FAIL, "has cleanup.policy=compact"),
        (
            "alerts",
            state("alerts", replicas=3, **{"min.insync.replicas": "1"}),
            FAIL,
            "min.insync.replicas=1",
        ),
        (
            "transactions",
            state("transactions", **{"compression.type": "producer"}),
            WARN,
            "has compression.type=producer (declared: uncompressed)",
        ),
        ("alerts", state("alerts", replicas=3), OK, "3 replicas"),
        ("transactions", state("transactions", **LIMITED_SENDER_TIME), OK, "senders' timestamps"),
    ],
)
def test_a_topic(name, found, verdict, said):
    finding = topic_finding(name, found)
    assert finding.verdict is verdict
    assert said in finding.found
    assert bool(finding.advice) == (verdict is not OK)


def test_the_advice_for_an_unsafe_topic_is_the_command_that_mends_it():
    assert topic_finding("transactions", state("transactions", **COMPACTED)).advice == (
        "run: fraud kafka tool kafka-configs.sh --bootstrap-server "
        "127.0.0.1:9092 --alter --entity-type topics "
        "--entity-name t.transactions --add-config cleanup.policy=delete"
    )


@pytest.mark.parametrize("partitions", [3, 12])
def test_one_topic_with_another_number_of_partitions_is_the_only_finding(partitions):
    findings = topic_findings(transactions=state("transactions", partitions))
    [name] = [name for name, finding in findings.items() if finding.verdict is not OK]
    assert name == "transactions"
    assert f"run: fraud topics --partitions {partitions}" in findings["transactions"].advice
    assert "run: fraud kafka tool kafka-topics.sh" in findings["transactions"].advice


def test_the_advice_for_a_missing_topic_creates_it():
    missing = topic_finding("labels", KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
    assert "fraud topics" in missing.advice


@pytest.mark.parametrize(
    ("kept_min", "verdict", "said", "to_do"),
    [
        (10_081, OK, "kept for 10,081 minutes", ""),
        # Kafka's default
        (10_080, WARN, "kept for 10,080 minutes", "set offsets.retention.minutes higher"),
        (
            None,
            WARN,
            "may not see how long",
            "ask the Kafka administrator whether offsets.retention.minutes is more than 10,080",
        ),
    ],
)
def test_the_offsets_of_a_stopped_scorer_outlive_its_transactions(kept_min, verdict, said, to_do):
    finding = checks.check_offsets_retention(kept_min)
    assert finding.verdict is verdict
    assert said in finding.found
    assert finding.advice.startswith(to_do)
    assert bool(finding.advice) == (verdict is not OK)


@pytest.mark.parametrize(
    ("missing", "untried", "verdict", "said"),
    [
        ([], [], OK, "complete"),
        (
            [],
            ["write transactional id fraud-redrive"],
            OK,
            "not known: write transactional id fraud-redrive",
        ),
        (
            ["write topic predictions", "read group fraud-scorer"],
            [],
            FAIL,
            "may not write topic predictions, read group fraud-scorer",
        ),
    ],
)
def test_acls(missing, untried, verdict, said):
    finding = checks.check_acls("score", missing, untried)
    assert (finding.what, finding.verdict) == ("permissions of score", verdict)
    assert finding.found.endswith(said)


@pytest.mark.parametrize(
    ("newest", "verdict", "said"),
    [
        (-1, OK, "no record yet"),
        (1_000_000, OK, "can't be detected"),
        (999_000_000, OK, "can't be detected"),
        (1_000_007_500, WARN, "7.5 s ahead"),
        (1_000_400_000, FAIL, "400.0 s ahead"),
    ],
)
def test_the_clock(newest, verdict, said):
    finding = checks.check_clock(newest, 1_000_000_000)
    assert finding.verdict is verdict
    assert said in finding.found


@pytest.mark.parametrize(
    ("servers", "protocol", "verdict"),
    [
        ("127.0.0.1:9092,[::1]:9092,localhost:9093", "plaintext", OK),
        ("kafka-1:9092", "SASL_SSL", OK),
        ("kafka-1:9092", "SASL_PLAINTEXT", WARN),
        ("127.0.0.1:9092,10.0.0.7:9092", "plaintext", WARN),
    ],
)
def test_unencrypted_connections_warn_beyond_this_machine(servers, protocol, verdict):
    connection = Connection(servers, properties={"security.protocol": protocol})
    assert checks.check_encryption(connection).verdict is verdict


def test_a_missing_broker():
    error = KafkaError(KafkaError._TIMED_OUT, "Failed to resolve")
    silent = checks.report_unreachable(Connection("127.0.0.1:1"), error)
    said = "no broker answers at 127.0.0.1:1: Failed to resolve"
    assert (silent.verdict, silent.found) == (FAIL, said)


class RefusingAdmin:
    """A cluster that answers no question."""

    def __init__(self, code):
        self.code = code

    def __getattr__(self, _name):
        def refuse(*_, **__):
            raise KafkaException(KafkaError(self.code))

        return refuse


@pytest.mark.parametrize(
    ("code", "verdict"),
    [(KafkaError._UNSUPPORTED_FEATURE, WARN), (KafkaError._TIMED_OUT, FAIL)],
)
def test_a_question_without_an_answer_costs_no_other_finding(monkeypatch, code, verdict):
    monkeypatch.setattr(checks, "connect_admin", lambda _: RefusingAdmin(code))
    states = {topic.name: state(topic.name) for topic in topics.TOPICS}
    monkeypatch.setattr(checks, "describe_topics", lambda *_: states)
    findings = {
        finding.what: finding
        for finding in checks.check_cluster(Connection("127.0.0.1:1"), ["replay"], lambda: 0)
    }
    for what in ("offsets of groups", "clock"):
        assert findings[what].verdict is verdict
        assert "can't be checked: " in findings[what].found
    assert findings["topic alerts"].verdict is OK
    assert findings["permissions of replay"].verdict is OK


def test_records_behind_an_open_transaction_are_a_failure():
    finding = checks.check_open_transactions({"transactions": {3: 1_200, 5: 8}, "alerts": {}})
    assert (finding.verdict, finding.what) == (FAIL, "open transactions")
    assert finding.found.endswith("of `transactions` (1,200 of partition 3, 8 of partition 5)")
    assert "docs/runbooks/transaction-left-open.md" in finding.advice
    assert checks.check_open_transactions({"alerts": {}}).verdict is OK
