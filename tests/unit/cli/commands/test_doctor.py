"""`fraud doctor`: the checks of this machine, and what the command prints."""

import json

import pytest
from support.data.transactions import CREDITCARD

from cli.commands.doctor import command, machine
from cli.support.settings import Settings
from infra.demo_ports import Port
from streams.doctor import checks
from streams.doctor.checks import CheckStatus, Finding

OK, WARN, FAIL = CheckStatus.OK, CheckStatus.WARN, CheckStatus.FAIL


def test_the_model(tmp_path):
    finding = machine.check_model(tmp_path / "latest", CREDITCARD)
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


def test_a_local_kafka_is_known_by_the_whole_command_line():
    java = "java -Xmx768m -Dlog4j2.configurationFile=/a/log4j2.properties -cp /a/jars/*"
    port = Port(9092, "FRAUD_KAFKA_PORT", "Kafka")
    assert machine.check_port(port, lambda _: f"{java} kafka.Kafka /a").verdict is OK
    foreign = machine.check_port(port, lambda _: f"{java} org.acme.Broker < bash")
    assert foreign.verdict is FAIL
    assert foreign.found.endswith(f"used by {f'{java} org.acme.Broker'[:80]} < bash")


def test_the_home(tmp_path):
    assert machine.check_home(tmp_path / "not" / "yet").verdict in (OK, WARN)
    (tmp_path / "file").touch()
    finding = machine.check_home(tmp_path / "file" / "home")
    assert finding.verdict is FAIL
    assert "FRAUD_HOME" in finding.advice


def test_little_space_at_home_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_SPARE_MB", 10**9)
    assert machine.check_home(tmp_path).verdict is WARN


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
            command.doctor(None, as_json=as_json, quiet=True)
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
