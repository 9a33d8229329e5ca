"""Properties of librdkafka for Faust's client, and what of them may be seen."""

import ssl

import pytest
from faust.auth import SASLCredentials, SSLCredentials

from cli.errors import SettingsError
from cli.support.settings import Settings
from streams.kafka.connection import Connection
from streams.kafka.credentials import faust_credentials

SASL = {"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "scorer", "sasl.password": "hunter2"}


def test_a_cluster_that_asks_for_nothing_needs_none():
    assert faust_credentials({}) is None


def test_a_password_over_tls():
    found = faust_credentials({"security.protocol": "SASL_SSL", **SASL})
    assert isinstance(found, SASLCredentials)
    assert (found.protocol.value, found.mechanism.value, found.username, found.password) == (
        "SASL_SSL",
        "SCRAM-SHA-512",
        "scorer",
        "hunter2",
    )
    assert found.ssl_context.check_hostname
    assert found.ssl_context.verify_mode == ssl.CERT_REQUIRED


def test_librdkafka_spells_it_small_and_in_the_plural_too():
    found = faust_credentials(
        {"security.protocol": "sasl_plaintext", "sasl.mechanisms": "PLAIN", "sasl.username": "u"}
    )
    assert (found.protocol.value, found.mechanism.value, found.ssl_context) == (
        "SASL_PLAINTEXT",
        "PLAIN",
        None,
    )


def test_tls_alone_and_its_checks_switched_off():
    found = faust_credentials(
        {"security.protocol": "ssl", "ssl.endpoint.identification.algorithm": "none"}
    )
    assert isinstance(found, SSLCredentials)
    assert not found.context.check_hostname
    assert found.context.verify_mode == ssl.CERT_REQUIRED
    unchecked = faust_credentials(
        {"security.protocol": "ssl", "enable.ssl.certificate.verification": "false"}
    )
    assert unchecked.context.verify_mode == ssl.CERT_NONE


@pytest.mark.parametrize(
    "properties",
    [
        {"security.protocol": "SASL_SSL"},
        {**SASL, "sasl.mechanism": "OAUTHBEARER", "security.protocol": "SASL_SSL"},
    ],
    ids=["kerberos-by-default", "oauth"],
)
def test_what_faust_is_not_given_is_named(properties):
    with pytest.raises(ValueError, match=r"sasl\.mechanism=(GSSAPI|OAUTHBEARER)"):
        faust_credentials(properties)


def test_a_key_store_is_named():
    with pytest.raises(ValueError, match=r"ssl\.keystore\.location"):
        faust_credentials({"security.protocol": "SSL", "ssl.keystore.location": "keys.p12"})


@pytest.fixture
def configured(monkeypatch, tmp_path):
    """The connection of a properties file with this text."""

    def read(text: str) -> Connection:
        path = tmp_path / "client.properties"
        path.write_text(text)
        monkeypatch.setenv("FRAUD_KAFKA_CONFIG", str(path))
        monkeypatch.setenv("FRAUD_BOOTSTRAP_SERVERS", "kafka:9093")
        return Settings.from_environment().connection()

    return read


def test_the_properties_reach_every_kind_of_client_and_no_repr(configured):
    connection = configured(
        "\ufeff# who we are\nsecurity.protocol=SASL_SSL\n\n sasl.password = hun=ter2 \nbootstrap.servers=elsewhere:1\n"
    )
    for config in (
        connection.config(),
        connection.reader("g"),
        connection.writer({"linger.ms": 0}),
    ):
        assert (config["security.protocol"], config["sasl.password"]) == ("SASL_SSL", "hun=ter2")
        assert config["bootstrap.servers"] == "kafka:9093"  # which every message names
    assert "hun" not in f"{connection} {connection!r} {Settings.from_environment()!r}"


def test_guarantees_are_no_matter_of_the_file(configured):
    connection = configured(
        "isolation.level=read_uncommitted\nenable.auto.commit=true\nenable.idempotence=false\npartitioner=random\n"
    )
    reader, writer = connection.reader("g"), connection.writer()
    assert (reader["isolation.level"], reader["enable.auto.commit"]) == ("read_committed", False)
    assert (writer["enable.idempotence"], writer["partitioner"]) == (True, "murmur2_random")


def test_a_line_that_is_none_is_named_by_its_number_alone(configured):
    with pytest.raises(SettingsError, match=r"line 2 is not key=value$") as refused:
        configured("sasl.username=scorer\nsasl.password: hunter2\n")
    assert "hunter2" not in str(refused.value)
