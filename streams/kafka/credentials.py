"""librdkafka's properties as credentials of Faust's own Kafka client, which is aiokafka.

The scorer's Faust app opens no connection (docs/decisions/0001): this is for agents of yours that read the topics with Faust's clients.
"""

import ssl
from collections.abc import Mapping

from faust.auth import Credentials, SASLCredentials, SSLCredentials

_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def faust_credentials(properties: Mapping[str, str]) -> Credentials | None:
    """For `faust.App(broker_credentials=...)`; None where the cluster asks for nothing. Both have librdkafka's defaults.

    Raises ValueError for what Faust's client cannot do: Kerberos, OAuth and key stores that are not PEM; OSError for a file it cannot read.
    """
    protocol = properties.get("security.protocol", "plaintext").upper()
    tls = _context(properties) if protocol.endswith("SSL") else None
    if not protocol.startswith("SASL_"):
        return SSLCredentials(tls) if tls else None
    mechanism = properties.get("sasl.mechanism") or properties.get("sasl.mechanisms", "GSSAPI")
    if mechanism not in _MECHANISMS:
        raise ValueError(
            f"sasl.mechanism={mechanism}: Faust's client is given one of {', '.join(_MECHANISMS)}"
        )
    return SASLCredentials(
        mechanism=mechanism,
        username=properties.get("sasl.username"),
        password=properties.get("sasl.password"),
        ssl_context=tls,
    )


def _context(properties: Mapping[str, str]) -> ssl.SSLContext:
    if "ssl.keystore.location" in properties:
        raise ValueError(
            "ssl.keystore.location: Faust's client takes PEM files, ssl.certificate.location and ssl.key.location"
        )
    context = ssl.create_default_context(
        cafile=properties.get("ssl.ca.location"), cadata=properties.get("ssl.ca.pem")
    )
    context.check_hostname = (
        properties.get("ssl.endpoint.identification.algorithm", "https") == "https"
    )
    if properties.get("enable.ssl.certificate.verification", "true") == "false":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if "ssl.certificate.location" in properties:
        certificate, key = (
            properties["ssl.certificate.location"],
            properties.get("ssl.key.location"),
        )
        context.load_cert_chain(certificate, key, properties.get("ssl.key.password"))
    return context
