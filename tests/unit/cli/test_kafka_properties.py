"""The file in FRAUD_KAFKA_CONFIG: who gets its properties, and what is refused, and how."""

import re

import pytest

from cli.errors import SettingsError
from cli.support.settings import Settings
from streams.kafka.group_consumer import GROUP_SETTINGS

CLOUD = "security.protocol=SASL_SSL\nsasl.mechanisms=PLAIN\nsasl.username=KEY\nsasl.password=S3CRET"
LOGIN = "PlainLoginModule required password='S3CRET';"  # pragma: allowlist secret
TOKEN = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;"


@pytest.fixture
def write(monkeypatch, tmp_path):
    """Write the file, and return its path."""

    def to_file(text, servers="kafka:9093"):
        path = tmp_path / "client.properties"
        path.write_text(text)
        monkeypatch.setenv("FRAUD_KAFKA_CONFIG", str(path))
        monkeypatch.setenv("FRAUD_BOOTSTRAP_SERVERS", servers)
        return str(path)

    return to_file


@pytest.fixture
def configured(write):
    """The connection of a file with this text."""

    def read(text, servers="kafka:9093"):
        write(text, servers)
        return Settings.from_environment().make_connection()

    return read


@pytest.fixture
def refused(configured):
    """The error of a file with this text, without the path."""

    def read(text, servers="kafka:9093"):
        with pytest.raises(SettingsError) as error:
            configured(text, servers)
        said = str(error.value)
        assert "\n" not in said
        assert "S3CRET" not in said
        return said.partition("client.properties: ")[2]

    return read


def test_the_properties_reach_every_kind_of_client_and_no_repr(configured):
    connection = configured(
        "\ufeff# who we are\nsecurity.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n"
        "sasl.username=us\n\n sasl.password = hun=ter2 \n"
    )
    for config in (
        connection.make_client_config(),
        connection.make_reader_config("g"),
        connection.make_writer_config({"linger.ms": 0}),
    ):
        assert (config["security.protocol"], config["sasl.password"]) == ("SASL_SSL", "hun=ter2")
        assert config["bootstrap.servers"] == "kafka:9093"  # which every message names
    assert "hun" not in f"{connection} {connection!r} {Settings.from_environment()!r}"


def test_the_address_in_the_file_is_used_if_no_other_is_set(configured, monkeypatch):
    connection = configured(f"bootstrap.servers=a.invalid:1, b.invalid:2\n{CLOUD}", servers="")
    assert connection.bootstrap_servers == "a.invalid:1, b.invalid:2"
    assert Settings.from_environment().given_servers == connection.bootstrap_servers


def test_the_address_in_the_file_may_repeat_the_other_but_not_differ(configured, refused):
    text = f"metadata.broker.list=b:2,a:1\n{CLOUD}"
    assert configured(text, servers="a:1, b:2").bootstrap_servers == "a:1, b:2"
    assert refused(text, servers="a:1") == (
        "line 1: metadata.broker.list is not the FRAUD_BOOTSTRAP_SERVERS that is set; "
        "remove one of the two"
    )


def test_an_empty_address_in_the_file_is_named(refused):
    said = "line 1: bootstrap.servers is empty; write the address, or remove the line"
    assert refused(f"bootstrap.servers=\n{CLOUD}", servers="") == said


def test_the_file_tunes_clients(configured):
    connection = configured("session.timeout.ms=45000\nmetadata.max.age.ms=60000")
    config = connection.make_reader_config("g", GROUP_SETTINGS)
    assert (config["session.timeout.ms"], config["metadata.max.age.ms"]) == ("45000", "60000")


@pytest.mark.parametrize(
    "line",
    [
        "isolation.level=read_uncommitted",
        "enable.auto.commit=true",
        "enable.idempotence=false",
        "partitioner=random",
        "transactional.id=mine",
        "transaction.timeout.ms=900000",
        "message.timeout.ms=0",
        "group.protocol=consumer",
        "group.instance.id=one",
        "auto.offset.reset=latest",
        "error_cb=print",
    ],
)
def test_the_file_cannot_change_what_a_guarantee_depends_on(refused, line):
    said = refused(f"# ours\n{line}")
    assert said.startswith(f"line 2: {line.partition('=')[0]} is set by the system")
    assert said.endswith("; remove it")


def test_the_file_may_repeat_the_values_that_guarantees_depend_on(configured):
    configured(
        "isolation.level=read_committed\nenable.auto.commit=false\nenable.idempotence=True\n"
        "partitioner=murmur2_random\ngroup.protocol=classic\nacks=all"
    )


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        (f"sasl.jaas.config={LOGIN}", "write sasl.username=... and sasl.password=... instead"),
        (f"sasl.jaas.config={TOKEN}", "write sasl.oauthbearer.method=oidc, "),
        ("ssl.truststore.location=/etc/trust.jks", "write ssl.ca.location=FILE.pem instead"),
        ("ssl.truststore.password=S3CRET", "remove it"),
    ],
)
def test_javas_properties_are_translated(refused, line, instead):
    said = refused(f"security.protocol=SASL_SSL\n{line}")
    assert said.startswith(f"line 2: {line.partition('=')[0]} is Java's; {instead}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sasl.user=S3CRET", 'line 1: librdkafka refuses it: No such configuration property: "'),
        ("client.id=a\nsecurity.protocol=S3CRET", 'line 2: .*: Invalid value for .*"security.prot'),
        ("socket.timeout.ms=S3CRET", 'line 1: .*: Invalid value for .*"socket.timeout.ms"'),
        ("session.timeout.ms=99999999999", "line 1: .*: .*session.timeout.ms.* outside allowed"),
        ("enable.sparse.connections=S3CRET", "line 1: .*: Expected bool value"),
        ("security.protocol=SSL\nssl.ca.location=/none", "line 2: .*: ssl.ca.location failed"),
        ("security.protocol=SSL\nssl.key.pem=S3CRET", "line 2: .*: ssl.key.pem failed"),
        (CLOUD.replace("sasl.username=KEY", ""), "sasl.username and sasl.password must be set"),
        ("acks=1", "line 1: .*: `acks` must be set to `all`"),  # by producers alone
        ("max.poll.interval.ms=1000", "line 1: .*must be >= `session.timeout.ms`"),  # by consumers
    ],
)
def test_what_librdkafka_refuses_is_named_without_its_value(refused, text, said):
    assert re.search(said, refused(text))


def test_quotes_and_repeated_lines_are_named_together(refused):
    text = CLOUD.replace("S3CRET", '"S3CRET"').replace("KEY", "'KEY'")
    assert refused(f"{text}\nsasl.mechanisms=SCRAM-SHA-512") == (
        "line 3: sasl.username has quotes around its value, which would be part of it; "
        "remove them; "
        "line 4: sasl.password has quotes around its value, which would be part of it; "
        "remove them; "
        "line 5: sasl.mechanisms is in line 2 too; keep one"
    )


def test_the_error_of_an_invalid_line_gives_only_its_number(write):
    write("sasl.username=scorer\nsasl.password: S3CRET\n")
    with pytest.raises(SettingsError, match=r"line 2 is not key=value$") as refused:
        Settings.from_environment().make_connection()
    assert "S3CRET" not in str(refused.value)


@pytest.mark.parametrize(
    "command",
    [
        "alerts",
        "dlq list",
        "doctor",
        "explain t-1",
        "kafka status",
        "ledger",
        "monitor",
        "report --window 1",
        "score",
        "serve",
        "simulate --send --rows 1",
        "topics",
    ],
)
def test_every_command_that_connects_ends_at_once(write, monkeypatch, run_fraud, tmp_path, command):
    path = write("group.protocol=consumer")
    monkeypatch.setenv("FRAUD_MODEL_DIR", str(tmp_path))
    assert run_fraud(*command.split()) == (
        2,
        "",
        f"fraud: FRAUD_KAFKA_CONFIG={path}: line 1: group.protocol is set by the system to "
        "classic; remove it\n",
    )
