"""`fraud doctor`: each verdict, by what the outside says."""

import json

import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import AclOperation

from cli.commands.doctor import command, machine
from cli.support.settings import Settings
from infra.demo_ports import Port
from streams.doctor import checks
from streams.doctor.checks import CheckStatus, Finding
from streams.doctor.cluster_state import TopicState
from streams.kafka import topics
from streams.kafka.connection import Connection

OK, WARN, FAIL = CheckStatus.OK, CheckStatus.WARN, CheckStatus.FAIL
ALL = frozenset(AclOperation)


def state(name, partitions=4, replicas=1, **changes):
    [declared] = [topic for topic in topics.TOPICS if topic.name == name]
    return TopicState(
        declared.partitions or partitions,
        replicas,
        {**declared.config(), "min.insync.replicas": "1", **changes},
        ALL,
    )


def topic_finding(name, found):
    states = {topic.name: state(topic.name) for topic in topics.TOPICS} | {name: found}
    [finding] = [
        finding for finding in checks.check_topics(states) if finding.what == f"topic {name}"
    ]
    return finding


@pytest.mark.parametrize(
    ("name", "found", "verdict", "said"),
    [
        ("alerts", state("alerts"), OK, "4 partitions, 1 replicas, as declared"),
        ("drift.events", state("drift.events"), OK, "1 partitions"),
        ("alerts", state("alerts", partitions=5), FAIL, "has 5 partitions, declared are 4"),
        (
            "alerts",
            state("alerts", **{"retention.ms": "1000"}),
            FAIL,
            "has retention.ms=1000, declared is 2592000000",
        ),
        ("alerts", KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART), FAIL, "does not exist"),
        ("alerts", KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), WARN, "may not see it"),
        ("alerts", TopicState(4, 1, None, ALL), WARN, "may not see its settings"),
        ("alerts", state("alerts", replicas=3), WARN, "min.insync.replicas=1"),
        ("alerts", state("alerts", replicas=3, **{"min.insync.replicas": "2"}), OK, "3 replicas"),
    ],
)
def test_a_topic(name, found, verdict, said):
    finding = topic_finding(name, found)
    assert finding.verdict is verdict
    assert said in finding.found
    assert bool(finding.advice) == (verdict is not OK)


def test_the_advice_for_a_missing_topic_creates_it():
    assert (
        "fraud topics"
        in topic_finding("labels", KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)).advice
    )


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
def test_rights(missing, untried, verdict, said):
    finding = checks.check_acls("score", missing, untried)
    assert (finding.what, finding.verdict) == ("rights for score", verdict)
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
    assert (
        checks.check_encryption(
            Connection(servers, properties={"security.protocol": protocol})
        ).verdict
        is verdict
    )


def test_a_missing_broker_differs_from_an_invalid_line():
    connection = Connection("127.0.0.1:1")
    silent = checks.report_unreachable(KafkaError(KafkaError._TIMED_OUT), connection)
    assert (silent.verdict, silent.found) == (FAIL, "no broker answers at 127.0.0.1:1")
    [wrong] = checks.check_cluster(
        Connection("127.0.0.1:1", properties={"sasl.pasword": "hunter2"}), ["score"], lambda: 0
    )
    assert wrong.verdict is FAIL
    assert "sasl.pasword" in wrong.found
    assert "hunter2" not in str(wrong)


def test_the_model(tmp_path):
    finding = machine.check_model(tmp_path / "latest")
    assert (finding.verdict, finding.advice) == (FAIL, "run: fraud train")


def test_the_data(tmp_path):
    csv = tmp_path / "creditcard.csv"
    assert machine.check_data(None, tmp_path).verdict is WARN
    assert machine.check_data(csv, tmp_path).verdict is FAIL
    csv.write_text("Time\n")
    assert machine.check_data(csv, tmp_path).verdict is OK  # a CSV of one's own may be any
    assert (
        machine.check_data(None, tmp_path).verdict is FAIL
    )  # the cache holds the dataset or nothing


def test_all_settings_except_the_key_are_shown(monkeypatch, tmp_path):
    for name, value in {
        "FRAUD_HOME": str(tmp_path),
        "FRAUD_TOPIC_PREFIX": "eu.",
        "FRAUD_API_KEY": "any",  # pragma: allowlist secret
    }.items():
        monkeypatch.setenv(name, value)
    shown = machine.show_settings(Settings.from_environment()).found.split(", ")
    assert {
        f"FRAUD_HOME {tmp_path}",
        "FRAUD_TOPIC_PREFIX eu.",
        "FRAUD_API_KEY set",
        "FRAUD_SCORER_HOST 127.0.0.1",
    } <= set(shown)
    monkeypatch.delenv("FRAUD_API_KEY")
    assert machine.show_settings(Settings.from_environment()).found.endswith(
        "FRAUD_API_KEY not set"
    )


@pytest.mark.parametrize(
    ("holder", "verdict", "said"),
    [
        (None, OK, "free for worker 0"),
        (
            "python -c spawn_main < .venv/bin/python .venv/bin/fraud score",
            OK,
            "used by this system",
        ),
        ("nginx -g daemon off;", FAIL, "used by nginx"),
        ("", FAIL, "used by a process of another user"),
    ],
)
def test_a_port(holder, verdict, said):
    finding = machine.check_port(Port(9101, "FRAUD_METRICS_PORT", "worker 0"), lambda _: holder)
    assert finding.verdict is verdict
    assert said in finding.found
    assert ("FRAUD_METRICS_PORT" in finding.advice) == (verdict is FAIL)


@pytest.mark.parametrize(
    ("java", "maven", "docker", "verdict", "said"),
    [
        (None, False, True, OK, "Docker has the image"),
        (21, True, False, OK, "Java 21"),
        (11, True, False, FAIL, "nor Java 17+"),
        (None, True, False, FAIL, "nor Java 17+"),
        (17, False, False, FAIL, "nor Maven"),
    ],
)
def test_what_a_local_kafka_needs(java, maven, docker, verdict, said):
    finding = machine.check_local_kafka(java, maven, docker)
    assert finding.verdict is verdict
    assert said in finding.found


@pytest.fixture
def doctor(monkeypatch, capsys):
    """Runs the command on these findings; returns its exit code and what it printed."""

    def run(*findings, as_json=False):
        monkeypatch.setattr(checks, "check_cluster", lambda *_: iter(findings))
        monkeypatch.setattr(machine, "run_checks", lambda _: iter(()))
        try:
            command.doctor(None, as_json, quiet=True)
        except command.typer.Exit as ended:
            return ended.exit_code, capsys.readouterr().out
        return 0, capsys.readouterr().out

    return run


def test_warnings_fail_nothing(doctor):
    code, printed = doctor(Finding("topic alerts", WARN, "may not be seen", "nothing"))
    assert code == 0
    assert "warn  topic alerts" in printed
    assert printed.endswith("all is well\n")


def test_a_failure_is_shown_with_what_to_do_and_ends_with_1(doctor):
    findings = (
        Finding("clock", OK, "right"),
        Finding("model", FAIL, "there is [none]", "run: fraud train"),
    )
    code, printed = doctor(*findings)
    assert code == 1
    assert "FAIL  model    there is [none]" in printed
    assert "-> run: fraud train" in printed
    assert printed.endswith("1 of 2 checks failed\n")
    code, printed = doctor(*findings, as_json=True)
    result = json.loads(printed)
    assert (code, result["failed"]) == (1, 1)
    assert result["findings"][1] == {
        "what": "model",
        "verdict": "FAIL",
        "found": "there is [none]",
        "advice": "run: fraud train",
    }
