"""Run a secured Kafka: TLS on every listener, SCRAM-SHA-512 for clients, and ACLs."""

import contextlib
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from infra.kafka.launcher import LocalBroker, Security
from streams.kafka.connection import Connection
from support.paths import JARS
from support.ports import find_free_port
from support.programs import require_program

_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
# Between themselves, brokers and controller use a certificate (CN=kafka) and no password.
_SERVER = """
listeners=CLIENTS://127.0.0.1:{port},BROKERS://127.0.0.1:{brokers},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENTS://127.0.0.1:{port},BROKERS://127.0.0.1:{brokers}
listener.security.protocol.map=CLIENTS:SASL_SSL,BROKERS:SSL,CONTROLLER:SSL
inter.broker.listener.name=BROKERS
listener.name.brokers.ssl.client.auth=required
listener.name.controller.ssl.client.auth=required
listener.name.clients.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.clients.scram-sha-512.sasl.jaas.config={login}
listener.name.clients.connections.max.reauth.ms=2000
ssl.keystore.type=PEM
ssl.keystore.location={keys}
ssl.truststore.type=PEM
ssl.truststore.location={certificate}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:CN=kafka;User:admin
"""


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Return a self-signed certificate for 127.0.0.1, and a file that holds it with its key."""
    key = folder / "key.pem"
    created = folder / "certificate.pem"
    keystore = folder / "keystore.pem"
    command = [
        require_program("openssl"),
        "req",
        *["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"],
        *["-subj", "/CN=kafka", "-addext", "subjectAltName=IP:127.0.0.1"],
        *("-keyout", key, "-out", created),
    ]
    subprocess.run(command, check=True, capture_output=True)
    keystore.write_text(key.read_text() + created.read_text())
    return created, keystore


@dataclass
class SecuredBroker:
    """The running broker. `admin` may do everything; clients authenticate every two seconds."""

    folder: Path
    certificate: Path
    admin: Connection

    def __post_init__(self) -> None:
        self.client = AdminClient(self.admin.make_client_config())
        self.passwords: dict[str, str] = {}

    def user(self, name: str) -> Connection:
        """Return a connection as this user, with a new password. A new user has no permissions."""
        self.passwords[name] = secrets.token_hex(8)
        user = UserScramCredentialUpsertion(
            name,
            ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096),
            self.passwords[name].encode(),
        )
        for done in self.client.alter_user_scram_credentials([user]).values():
            done.result()
        return replace(
            self.admin, properties=client_properties(name, self.passwords[name], self.certificate)
        )

    def config_file(self, connection: Connection) -> Path:
        """Write the connection's properties to a new file for FRAUD_KAFKA_CONFIG."""
        user = connection.properties["sasl.username"]
        path = self.folder / f"{user}-{secrets.token_hex(2)}.properties"
        path.write_text(
            "".join(f"{name}={value}\n" for name, value in connection.properties.items())
        )
        return path


def client_properties(user: str, password: str, trusted: Path) -> dict[str, str]:
    """Return the client properties of this user, for FRAUD_KAFKA_CONFIG."""
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": password,
        "ssl.ca.location": str(trusted),
    }


@contextlib.contextmanager
def run_secured_broker(folder: Path) -> Iterator[SecuredBroker]:
    """Run a secured broker until the block ends."""
    port = find_free_port(following=3)
    password = secrets.token_hex(8)
    trusted, keys = make_certificate(folder)
    client = client_properties("admin", password, trusted)
    server = _SERVER.format(
        login=_LOGIN,
        port=port,
        brokers=port + 1,
        controller=port + 3,
        keys=keys,
        certificate=trusted,
    )
    broker = LocalBroker(
        folder,
        port,
        JARS,
        Security(server, (f"SCRAM-SHA-512=[name=admin,password={password}]",), client),
    )
    try:
        broker.start(say=print)
        yield SecuredBroker(
            folder,
            trusted,
            Connection(broker.bootstrap_servers, f"t{secrets.token_hex(4)}.", client),
        )
    finally:
        broker.stop()
