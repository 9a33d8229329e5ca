"""A Kafka with TLS, passwords and ACLs: each part works with its own, and reports missing ones."""

import contextlib
import json
import os
import re
import secrets
import subprocess
from dataclasses import dataclass, field, replace
from urllib.request import Request, urlopen

import psutil
import pytest
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)
from support.brokers.secured import SecuredBroker, make_certificate, run_secured_broker
from support.commands import make_environment, run, run_on, start
from support.data import creditcard_files as creditcard
from support.data.transactions import make_transaction_bytes
from support.doc_pages import read_shell_blocks
from support.monitoring import events, running
from support.paths import JARS
from support.ports import find_free_port, hold_port
from support.programs import require_program
from support.publishing import publish
from support.scorer_process import run_scorer
from support.topic_changes import alter_topic
from support.topic_reader import read_all
from support.waiting import wait_for

from streams.doctor import acls
from streams.doctor.cluster_state import get_offsets_retention_min
from streams.kafka import topics
from streams.kafka.cluster import Cluster

ROWS = 60


@dataclass
class SecuredSystem:
    """Creates users with ACLs, runs commands as them, and collects all visible output."""

    broker: SecuredBroker
    shown: list[str] = field(default_factory=list)

    def user(self, role, lacking=None):
        """Create a user with the ACLs of a role, but only describe the resource named `lacking`."""
        name = f"{role}-{secrets.token_hex(2)}"
        connection = self.broker.user(name)
        wanted = {
            acl._replace(operation=acls.DESCRIBE) if acl.name == lacking else acl
            for acl in acls.ACLS[role]
        }
        bindings = acls.make_bindings(connection, wanted, name)
        for created in self.broker.client.create_acls(bindings).values():
            created.result()
        return connection

    def variables(self, user, **changes):
        return {"FRAUD_KAFKA_CONFIG": str(self.broker.config_file(user)), **changes}

    def fraud(self, user, *arguments, **variables):
        done = run_on(user, *arguments, **self.variables(user, **variables))
        self.shown += [done.stdout, done.stderr]
        return done

    def start(self, user, command, **variables):
        """Run a command until the block ends, with stderr redirected to stdout."""
        given = make_environment(user, **self.variables(user, **variables))
        return start([command], given, stderr=subprocess.STDOUT)

    def inspect(self, process, metrics):
        """Collect its metrics, and the arguments and environments of its processes."""
        parent = psutil.Process(process.pid)
        for each in (parent, *parent.children(recursive=True)):
            self.shown += [" ".join(each.cmdline()), str(each.environ())]
        assert "FRAUD_KAFKA_CONFIG" in self.shown[-1]  # the name of the file is no secret
        self.shown.append(metrics)

    def assert_no_password_was_shown(self):
        everything = "\n".join(self.shown)
        passwords = self.broker.passwords.items()
        assert [name for name, password in passwords if password in everything] == []


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with run_secured_broker(tmp_path_factory.mktemp("secured")) as broker:
        yield SecuredSystem(broker)


@pytest.fixture(scope="module")
def cluster(system):
    """The system after its topics were created, by a user with no other permissions."""
    done = system.fraud(system.user("topics"), "topics", "--partitions", "2", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)["created"]) == len(topics.TOPICS)
    return system


def make_suspicious(name):
    """Return a transaction that becomes an alert."""
    return make_transaction_bytes(
        1, transaction_id=name, V3=-9, V4=9, V10=-9, V11=9, V12=-9, V14=-15, V17=-9
    )


def test_each_part_works_with_its_own_acls(cluster, model, tmp_path):
    rows = creditcard.write(tmp_path / "rows.csv", [creditcard.row(i) for i in range(ROWS)])
    scoring = cluster.user("score")
    replaying = cluster.user("replay")
    proving = cluster.user("ledger")
    with run_scorer(scoring, **cluster.variables(scoring)) as system:
        options = ["--labels", "--label-delay", "0s", "--rate", "0"]
        sent = cluster.fraud(replaying, "replay", *options, FRAUD_DATA=str(rows))
        assert (sent.returncode, sent.stderr) == (0, "")
        publish(replaying, topics.TRANSACTIONS, [b"no transaction", make_suspicious("t-1")])
        assert len(read_all(proving, topics.PREDICTIONS, ROWS + 1)) == ROWS + 1
        read_all(proving, topics.DEAD_LETTERS, 1)
        cluster.inspect(system.process, system.page(0, "/metrics"))
        cluster.shown.append(system.log)
    proof = json.loads(cluster.fraud(proving, "ledger", "--json").stdout)
    assert (proof["sent"], proof["lost"], proof["duplicated"]) == (ROWS + 2, 0, 0)
    reading = cluster.user("alerts")
    redriving = cluster.user("dlq")
    for command in (["alerts"], ["explain", "t-1"]):
        assert '"transaction_id":"t-1"' in cluster.fraud(reading, *command, "--json").stdout
    source = json.loads(cluster.fraud(redriving, "dlq", "list", "--json").stdout)["source"]
    shown = cluster.fraud(redriving, "dlq", "show", "{partition}:{offset}".format(**source)).stdout
    assert "no transaction" in shown
    redriven = cluster.fraud(redriving, "dlq", "redrive", "--all", "--json")
    assert json.loads(redriven.stdout)["sent"] == 1
    with running(cluster.user("monitor"), tmp_path, idle_close=1.0) as monitor:
        wait_for(lambda: monitor.windows or monitor.failure, 30, "a window is closed")
    assert monitor.failure is None
    cluster.assert_no_password_was_shown()


def test_the_api_the_monitor_and_the_report_work_with_their_own_acls(cluster, model, tmp_path):
    scoring = cluster.user("score")
    ports = {"FRAUD_API_PORT": str(find_free_port()), "FRAUD_MONITOR_PORT": str(find_free_port())}
    own = {"FRAUD_HOME": str(tmp_path), "FRAUD_MODEL_DIR": str(model.directory), **ports}
    pages = [f"http://127.0.0.1:{port}" for port in ports.values()]
    simulate = ["simulate", "--send", "--rows", "5000", "--rate", "0", "--no-labels"]
    sent = cluster.fraud(cluster.user("replay"), *simulate)
    assert (sent.returncode, sent.stderr) == (0, "")
    with (
        run_scorer(scoring, **cluster.variables(scoring)),
        cluster.start(cluster.user("serve"), "serve", **own) as serving,
        cluster.start(cluster.user("monitor"), "monitor", **own) as monitor,
    ):
        wait_for(
            lambda: all(answers(f"{page}/ready") for page in pages), 60, "API and monitor are ready"
        )
        assert json.loads(post(f"{pages[0]}/transactions", make_suspicious("t-7"))) == {
            "transaction_id": "t-7"
        }
        wait_for(
            lambda: b'"transaction_id":"t-7"' in read(f"{pages[0]}/alerts"),
            60,
            "the API lists the alert",
        )
        post(f"{pages[0]}/alerts/t-7/label", b'{"is_fraud": true, "labelled_by": "ana"}')
        [window] = wait_for(
            lambda: find_compared_window(cluster, model), 60, "the monitor closes a window"
        )
        for process, page in zip((serving, monitor), pages, strict=True):
            cluster.inspect(process, read(f"{page}/metrics").decode())
            process.terminate()
            cluster.shown.append(process.communicate(timeout=20)[0])
            assert process.returncode == 0, cluster.shown[-1]
    reported = cluster.fraud(
        cluster.user("report"), "report", "--window", str(window), "--json", **own
    )
    assert json.loads(reported.stdout)["rows"] > 0
    cluster.assert_no_password_was_shown()


def read(url):
    with urlopen(url, timeout=30) as answer:
        return answer.read()


def post(url, body):
    request = Request(url, body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as answer:
        assert answer.status == 202
        return answer.read()


def find_compared_window(cluster, model):
    """Return the number of the newest window that was compared with the reference, if any."""
    windows = [
        event
        for event in events(cluster.broker.admin, 0)
        if event["model_version"] == model.version and event["score"] is not None
    ]
    return [event["window"] for event in windows[-1:]]


def test_kafkas_tool_grants_the_acls_as_the_page_says(cluster, tmp_path):
    """The command of docs/security.md, word for word except the address, with the jars' tool."""
    [block] = read_shell_blocks("docs/security.md")
    tool = tmp_path / "kafka-acls.sh"
    admin = cluster.broker.admin
    java = f"{require_program('java')} -cp '{JARS}/*'"
    tool.write_text(f'#!/bin/sh\nexec {java} org.apache.kafka.tools.AclCommand "$@"\n')
    tool.chmod(0o755)
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    password = admin.properties["sasl.password"]
    properties = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.jaas.config": f'{module} required username="admin" password="{password}";',
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(cluster.broker.certificate),
    }
    (tmp_path / "admin.properties").write_text(
        "".join(f"{name}={value}\n" for name, value in properties.items())
    )
    command = block.replace("kafka:9093", admin.bootstrap_servers)
    variables = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = run(["bash", "-ec", command], env=variables, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    everything = (
        ResourceType.ANY,
        None,
        ResourcePatternType.ANY,
        "User:scorer",
        None,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    granted = {
        acls.Acl(
            found.operation,
            found.restype,
            found.name,
            found.resource_pattern_type is ResourcePatternType.PREFIXED,
        )
        for found in cluster.broker.client.describe_acls(AclBindingFilter(*everything)).result()
    }
    assert granted == {
        acl for acl in acls.ACLS["score"] if acl.name in (topics.PREDICTIONS, "fraud-scorer-")
    }


def make_lacking_user(cluster, role, lacking):
    """Return a user of this role without the right password, or without one of its permissions."""
    if lacking == "password":
        wrong = {"sasl.password": secrets.token_hex(8)}
        user = cluster.user(role)
        return replace(user, properties=user.properties | wrong)
    return cluster.user(role, lacking)


def measure_progress(cluster):
    """Return the number of visible predictions, and the sum of the group's committed offsets."""
    admin = cluster.broker.admin
    state = Cluster(admin)
    numbers = state.list_partitions(topics.PREDICTIONS)[topics.PREDICTIONS]
    committed = state.find_committed(topics.SCORER_GROUP, topics.TRANSACTIONS, numbers)
    return len(read_all(admin, topics.PREDICTIONS, 0)), sum(committed.values())


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        (
            "password",
            r"Kafka at 127.0.0.1:\d+ refuses the credentials: .* "
            r"see the sasl\.\* lines of FRAUD_KAFKA_CONFIG",
        ),
        (
            topics.PREDICTIONS,
            r"Kafka denies this user permission: .*Topic authorization failed; "
            r"`fraud doctor` lists",
        ),
        (
            "fraud-scorer-",
            r"Kafka denies this user permission: .*Transactional Id authorization failed; "
            r"`fraud doctor` lists",
        ),
    ],
    ids=["password", "topic", "transactional-id"],
)
def test_a_refused_scorer_logs_one_line_and_commits_nothing(cluster, model, lacking, said):
    publish(cluster.broker.admin, topics.TRANSACTIONS, [make_transaction_bytes(2)])
    before = measure_progress(cluster)
    user = make_lacking_user(cluster, "score", lacking)
    with run_scorer(user, wait=False, **cluster.variables(user)) as system:
        assert system.process.wait(60) == 1
        log = system.log
    # no second error, and no traceback
    [line] = [line for line in log.splitlines() if not re.search(" INFO | WARNING ", line)]
    assert re.search(f" ERROR worker 0: {said}", line)
    cluster.shown.append(log)
    cluster.assert_no_password_was_shown()
    assert measure_progress(cluster) == before


def test_a_revoked_password_ends_the_scorer(cluster, model):
    user = cluster.user("score")
    with run_scorer(user, **cluster.variables(user)) as system:
        cluster.broker.user(user.properties["sasl.username"])
        assert system.process.wait(60) == 1
        log = system.log
    [line] = [line for line in log.splitlines() if " ERROR " in line]
    assert re.search(
        "ERROR worker 0: Kafka at .* refuses the credentials: "
        ".* re-authentication .*FRAUD_KAFKA_CONFIG",
        line,
    )


def test_a_revoked_password_ends_the_monitor(cluster, model, tmp_path):
    user = cluster.user("monitor")
    port = str(find_free_port())
    own = {"FRAUD_HOME": str(tmp_path), "FRAUD_MODEL_DIR": str(model.directory)}
    with cluster.start(user, "monitor", FRAUD_MONITOR_PORT=port, **own) as process:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/ready"), 60, "the monitor is ready")
        cluster.broker.user(user.properties["sasl.username"])
        assert process.wait(60) == 1
        said = process.stdout.read()
    assert re.search(
        r"^fraud: Kafka at .* refuses the credentials: .*FRAUD_KAFKA_CONFIG$", said, re.MULTILINE
    )
    assert "Traceback" not in said


def answers(url):
    with contextlib.suppress(OSError), urlopen(url, timeout=5) as answer:
        return answer.status == 200
    return False


@pytest.mark.parametrize(
    ("role", "lacking", "arguments", "said"),
    [
        (
            "alerts",
            "password",
            ["alerts"],
            r"Kafka at 127.0.0.1:\d+ refuses the credentials: .*; see the sasl\.\* lines",
        ),
        (
            "monitor",
            "password",
            ["monitor"],
            r"Kafka at 127.0.0.1:\d+ refuses the credentials: .*; see the sasl\.\* lines",
        ),
        (
            "dlq",
            "fraud-redrive",
            ["dlq", "redrive", "--all"],
            r"Kafka denies this user permission: .*Transactional Id authorization failed",
        ),
    ],
    ids=["alerts", "monitor", "dlq"],
)
def test_a_refused_command_prints_one_line(cluster, role, lacking, arguments, said):
    done = cluster.fraud(make_lacking_user(cluster, role, lacking), *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(f"fraud: {said}.*\n", done.stderr)


def test_an_unknown_certificate_is_a_one_line_error(cluster, tmp_path):
    user = cluster.broker.user("stranger")
    stranger, _ = make_certificate(tmp_path)
    done = cluster.fraud(
        replace(user, properties={**user.properties, "ssl.ca.location": str(stranger)}), "alerts"
    )
    assert re.fullmatch(
        r"fraud: no TLS with Kafka at 127.0.0.1:\d+: .*certificate verify failed.*; "
        r"see the ssl\.\* lines.*\n",
        done.stderr,
    )


def run_doctor(cluster, user, *arguments, **variables):
    """Return the exit code of `fraud doctor`, and the verdict and text of each check."""
    ports = {
        name: str(find_free_port())
        for name in ("FRAUD_API_PORT", "FRAUD_MONITOR_PORT", "FRAUD_METRICS_PORT")
    }
    done = cluster.fraud(user, "doctor", "--json", *arguments, **ports | variables)
    assert done.stderr == ""
    return done.returncode, {
        finding["what"]: (finding["verdict"], finding["found"])
        for finding in json.loads(done.stdout)["findings"]
    }


def test_the_doctor_finds_no_fault_with_a_healthy_scorer(cluster, model):
    code, found = run_doctor(cluster, cluster.user("score"), "--for", "score")
    assert (code, found["permissions of score"], found["connection"][0]) == (
        0,
        ("ok", "complete"),
        "ok",
    )
    assert found["topic transactions"] == ("ok", "2 partitions, 1 replicas, as declared")
    assert found["topic labels"] == ("warn", "this user may not see it")
    assert found["offsets of groups"] == ("warn", "this user may not see how long they are kept")
    # an administrator sees it
    assert get_offsets_retention_min(cluster.broker.client) == 259_200
    cluster.assert_no_password_was_shown()


def test_the_doctor_names_every_fault(cluster, model):
    alter_topic(cluster.broker.admin, topics.LABELS, {"retention.ms": "1000"})
    with hold_port() as taken:
        roles = ["--for", "topics", "--for", "score"]
        ports = {"FRAUD_MONITOR_PORT": str(taken)}
        code, found = run_doctor(cluster, cluster.user("topics"), *roles, **ports)
    assert {what for what, (verdict, _) in found.items() if verdict == "FAIL"} == {
        "topic labels",
        "permissions of score",
        f"port {taken}",
    }
    assert found["topic labels"][1] == "has retention.ms=1000 (declared: 7776000000 or more)"
    lacking = [
        *(f"read topic {name}" for name in (topics.TRANSACTIONS, topics.HISTORY)),
        *(
            f"write topic {name}"
            for name in (topics.PREDICTIONS, topics.ALERTS, topics.DEAD_LETTERS, topics.HISTORY)
        ),
        "read group fraud-scorer",
        "write transactional id fraud-scorer-*",
        "describe group fraud-reader",
    ]
    assert found["permissions of score"][1] == f"may not {', '.join(lacking)}"
    assert (code, found["topic predictions"][0], found["permissions of topics"][0]) == (
        1,
        "ok",
        "ok",
    )
