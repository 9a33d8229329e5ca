"""What a client's error means: a refusal that nothing but a person mends, or something that passes."""

import pytest
from confluent_kafka import KafkaError

from streams.kafka.auth import refusal

HANDSHAKE = "sasl_ssl://kafka:9093/1: SASL SCRAM-SHA-512 mechanism handshake failed: {} (after 3ms in state AUTH_HANDSHAKE)"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KafkaError(KafkaError._TRANSPORT), None),
        (
            KafkaError(
                KafkaError._AUTHENTICATION,
                HANDSHAKE.format(
                    "Local: Broker transport failure: broker's supported mechanisms: (n/a)"
                ),
            ),
            None,
        ),
        (
            KafkaError(
                KafkaError._AUTHENTICATION,
                HANDSHAKE.format(
                    "Broker: Unsupported SASL mechanism: broker's supported mechanisms: PLAIN"
                ),
            ),
            "Kafka at kafka:9093 refuses the credentials: SASL SCRAM-SHA-512 mechanism handshake failed: Broker: Unsupported",
        ),
        (KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), "refuses this user a right: "),
    ],
    ids=["broker away", "broken off", "mechanism", "right"],
)
def test_only_what_waiting_does_not_mend_is_a_refusal(error, said):
    found = refusal(error, "kafka:9093")
    assert said in str(found) if said else found is None
