"""Properties of the client: which clients get them, and what of them may be printed."""

import pytest

from cli.errors import SettingsError
from cli.support.settings import Settings
from streams.kafka.connection import Connection


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
        "\ufeff# who we are\nsecurity.protocol=SASL_SSL\n\n sasl.password = hun=ter2 \n"
        "bootstrap.servers=elsewhere:1\n"
    )
    for config in (
        connection.client_config(),
        connection.reader_config("g"),
        connection.writer_config({"linger.ms": 0}),
    ):
        assert (config["security.protocol"], config["sasl.password"]) == ("SASL_SSL", "hun=ter2")
        assert config["bootstrap.servers"] == "kafka:9093"  # which every message names
    assert "hun" not in f"{connection} {connection!r} {Settings.from_environment()!r}"


def test_the_file_cannot_change_guarantees(configured):
    connection = configured(
        "isolation.level=read_uncommitted\nenable.auto.commit=true\n"
        "enable.idempotence=false\npartitioner=random\n"
    )
    reader, writer = connection.reader_config("g"), connection.writer_config()
    assert (reader["isolation.level"], reader["enable.auto.commit"]) == ("read_committed", False)
    assert (writer["enable.idempotence"], writer["partitioner"]) == (True, "murmur2_random")


def test_the_error_of_an_invalid_line_gives_only_its_number(configured):
    with pytest.raises(SettingsError, match=r"line 2 is not key=value$") as refused:
        configured("sasl.username=scorer\nsasl.password: hunter2\n")
    assert "hunter2" not in str(refused.value)
