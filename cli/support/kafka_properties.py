"""Read the file in FRAUD_KAFKA_CONFIG, and refuse what the system's clients can't use.

Errors name lines and properties, never values: any of them may be a password.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cli.errors import SettingsError
from streams.kafka.connection import FIXED, SERVERS, Connection

_JAVA_LOGINS = {
    "OAuthBearerLoginModule": "sasl.oauthbearer.method=oidc, sasl.oauthbearer.client.id=..., "
    "sasl.oauthbearer.client.secret=... and sasl.oauthbearer.token.endpoint.url=...",
    "": "sasl.username=... and sasl.password=...",
}
# Java's properties that librdkafka does not have: the lines to write instead, or none
_JAVA = {
    "sasl.login.callback.handler.class": "sasl.oauthbearer.method=oidc",
    "sasl.client.callback.handler.class": "",
    "sasl.login.class": "",
    "ssl.truststore.location": "ssl.ca.location=FILE.pem",
    "ssl.truststore.certificates": "ssl.ca.pem=...",
    "ssl.truststore.password": "",
    "ssl.truststore.type": "",
    "ssl.keystore.type": "",
    "ssl.keystore.certificate.chain": "ssl.certificate.pem=...",
    "ssl.keystore.key": "ssl.key.pem=...",
    "ssl.protocol": "",
    "ssl.enabled.protocols": "",
    "key.serializer": "",
    "value.serializer": "",
    "key.deserializer": "",
    "value.deserializer": "",
}


class Line(NamedTuple):
    """One line of the file."""

    number: int
    key: str
    value: str


def read_lines(path: str) -> list[Line]:
    """Return the lines of a properties file: `key=value`, # for comments. Raises SettingsError."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", "it is not UTF-8")
        raise SettingsError(f"FRAUD_KAFKA_CONFIG={path} cannot be read: {reason}") from None
    lines = []
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            if not equals:
                raise SettingsError(f"FRAUD_KAFKA_CONFIG={path}: line {number} is not key=value")
            lines.append(Line(number, key.strip(), value.strip()))
    return lines


def find_servers(path: str) -> str | None:
    """Return the bootstrap servers that the file names, if any. Raises SettingsError."""
    return next((line.value for line in read_lines(path) if line.key in SERVERS), None)


def read_properties(path: str, bootstrap_servers: str) -> dict[str, str]:
    """Return the file's properties, without the address. Raises SettingsError.

    `bootstrap_servers`: the address that is used.
    """
    lines = read_lines(path)
    if problems := [*_find_problems(lines, bootstrap_servers)]:
        raise SettingsError(f"FRAUD_KAFKA_CONFIG={path}: {'; '.join(problems)}")
    properties = {line.key: line.value for line in lines if line.key not in SERVERS}
    if properties and (refusal := _find_refusal(lines, properties)):
        raise SettingsError(f"FRAUD_KAFKA_CONFIG={path}: {refusal}")
    return properties


def _find_problems(lines: list[Line], bootstrap_servers: str) -> Iterator[str]:
    first: dict[str, int] = {}
    for line in lines:
        at = f"line {line.number}: {line.key}"
        if line.key in first:
            yield f"{at} is in line {first[line.key]} too; keep one"
        first.setdefault(line.key, line.number)
        if line.key == "sasl.jaas.config":
            yield f"{at} is Java's; write {_translate_login(line.value)} instead"
        elif line.key in _JAVA:
            instead = _JAVA[line.key]
            yield f"{at} is Java's; " + (f"write {instead} instead" if instead else "remove it")
        elif line.key in SERVERS:
            if not line.value:
                yield f"{at} is empty; write the address, or remove the line"
            elif _split(line.value) != _split(bootstrap_servers):
                yield f"{at} is not the FRAUD_BOOTSTRAP_SERVERS that is set; remove one of the two"
        elif line.key in FIXED and line.value.lower() != FIXED[line.key]:
            fixed = FIXED[line.key]
            yield f"{at} is set by the system" + (f" to {fixed}" if fixed else "") + "; remove it"
        if len(line.value) > 1 and line.value[0] == line.value[-1] and line.value[0] in "\"'":
            yield f"{at} has quotes around its value, which would be part of it; remove them"


def _translate_login(jaas: str) -> str:
    return next(lines for module, lines in _JAVA_LOGINS.items() if module in jaas)


def _split(servers: str) -> set[str]:
    return {server.strip() for server in servers.split(",")}


def _find_refusal(lines: list[Line], properties: dict[str, str]) -> str | None:
    """Return why librdkafka refuses the properties, None if it does not.

    Creates one client of each kind, as used, without an address: none connects.
    """
    # slow to import, and without a file there is nothing to check
    from confluent_kafka import Consumer, KafkaException, Producer
    from confluent_kafka.admin import AdminClient

    from streams.kafka.committer import make_producer_settings
    from streams.scorer.consumer import CONSUMER_SETTINGS

    connection = Connection("", properties=properties)
    clients: dict[Any, dict[str, Any]] = {
        AdminClient: connection.make_client_config(),
        Consumer: connection.make_reader_config(None, CONSUMER_SETTINGS),
        Producer: connection.make_writer_config(make_producer_settings("check")),
    }
    for client, config in clients.items():
        try:
            client(config)
        except KafkaException as error:
            return _locate(error.args[0].str(), lines)
    return None


def _locate(reason: str, lines: list[Line]) -> str:
    """Return librdkafka's reason on one line, without values, with the line that it is about."""
    named = [line for line in lines if line.key in reason]
    for line in lines:
        reason = reason.replace(f'"{line.value}" ', "")
    at = f"line {max(named, key=lambda line: len(line.key)).number}: " if named else ""
    said = re.sub(r"^Failed to create [\w ]+: ", "", " ".join(reason.split()))
    return f"{at}librdkafka refuses it: {said.rstrip('.')}"
