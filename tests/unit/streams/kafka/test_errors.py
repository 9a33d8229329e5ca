"""An error of the client means: retry, change the permissions, or end this client."""

from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException
from support.data.drifting import DECODER
from support.fakes import group_of, positions_of

from drift import prediction_stream
from drift.prediction_stream import PredictionStream
from streams.kafka import errors
from streams.kafka.connection import Connection
from streams.kafka.errors import ConsumerError, Failure, RefusedError, classify, classify_refusal
from streams.scorer.batch import InFlight
from streams.scorer.consumer import BatchConsumer
from streams.scorer.dead_letter_limit import TooManyDeadLettersError

HANDSHAKE = (
    "sasl_ssl://kafka:9093/1: SASL SCRAM-SHA-512 mechanism handshake failed: {} "
    "(after 3ms in state AUTH_HANDSHAKE)"
)
BROKEN_OFF = KafkaError(
    KafkaError._AUTHENTICATION,
    HANDSHAKE.format("Local: Broker transport failure: broker's supported mechanisms: (n/a)"),
)
MECHANISM = KafkaError(
    KafkaError._AUTHENTICATION,
    HANDSHAKE.format("Broker: Unsupported SASL mechanism: broker's supported mechanisms: PLAIN"),
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KafkaError(KafkaError._TRANSPORT), None),
        (BROKEN_OFF, None),
        (
            MECHANISM,
            "Kafka at kafka:9093 refuses the credentials: "
            "SASL SCRAM-SHA-512 mechanism handshake failed: Broker: Unsupported",
        ),
        (KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), "denies this user permission: "),
        (KafkaError(KafkaError._SSL), "no TLS with Kafka at kafka:9093: "),
    ],
    ids=["broker away", "broken off", "mechanism", "right", "tls"],
)
def test_only_what_waiting_does_not_fix_is_a_refusal(error, text):
    refused = classify_refusal(error, "kafka:9093")
    assert text in str(refused) if text else refused is None


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (KafkaError.INVALID_SESSION_TIMEOUT, "set session.timeout.ms in FRAUD_KAFKA_CONFIG "),
        (KafkaError.INCONSISTENT_GROUP_PROTOCOL, "partition.assignment.strategy"),
        (KafkaError.GROUP_MAX_SIZE_REACHED, "group.max.size"),
        (KafkaError.UNSUPPORTED_VERSION, "too old"),
    ],
)
def test_what_a_group_refuses_whenever_it_is_asked_ends_the_member(code, advice):
    error = KafkaError(code, f"JoinGroup failed: {KafkaError(code).str()}")
    refused = errors.classify_consumer_error(error, "transactions")
    assert isinstance(refused, RefusedError)
    assert str(refused).startswith("transactions: JoinGroup failed: Broker: ")
    assert advice in str(refused)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (KafkaError(KafkaError._TRANSPORT), Failure.TRANSIENT),
        (KafkaError(KafkaError.COORDINATOR_LOAD_IN_PROGRESS), Failure.TRANSIENT),
        (KafkaError(KafkaError.ILLEGAL_GENERATION, retriable=True), Failure.TRANSIENT),
        (BROKEN_OFF, Failure.TRANSIENT),
        (MECHANISM, Failure.REFUSED),
        (KafkaError(KafkaError._SSL), Failure.REFUSED),
        (KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED, fatal=True), Failure.REFUSED),
        (KafkaError(KafkaError._FENCED, fatal=True), Failure.FATAL),
        (KafkaError(KafkaError._TRANSPORT, fatal=True), Failure.FATAL),
        (KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART), Failure.FATAL),
        (KafkaError(KafkaError._BAD_MSG), Failure.FATAL),
        (KafkaError(KafkaError._MAX_POLL_EXCEEDED), Failure.UNCLASSIFIED),
    ],
)
def test_an_error_of_the_client_has_one_meaning(error, failure):
    assert classify(error) is failure
    assert errors.is_transient(KafkaException(error)) is (failure is Failure.TRANSIENT)


def test_exit_codes_of_a_worker():
    expected = {
        errors.RefusedError: 5,
        errors.TopicMissingError: 3,
        errors.LostRangeError: 3,
        errors.OutageError: 4,
        errors.CommitFatalError: 1,
        errors.BatchAbortedError: 1,
        errors.ConsumerError: 1,
        TooManyDeadLettersError: 3,
    }
    assert {kind: kind.exit_code for kind in expected} == expected


class Message:
    def __init__(self, code):
        self.code = code

    def error(self):
        return KafkaError(self.code)


class Client:
    """A consumer that reports one error, and then that the test is over."""

    def __init__(self, code):
        self.codes = [code, KafkaError.TOPIC_AUTHORIZATION_FAILED]

    def subscribe(self, *_, **__):
        pass

    def poll(self, _):
        return Message(self.codes.pop(0))

    def consume(self, *_):
        return []

    def assignment(self):
        return []

    def position(self, _):
        return []

    def pause(self, _):
        pass

    resume = pause

    def close(self):
        pass


def end_scorer(client, _monkeypatch):
    failures = []
    reader = BatchConsumer(
        positions_of(client), InFlight(), pytest.fail, failures.append, lambda _: 0
    )
    reader.run()
    return failures[0]


class Windows:
    window = SimpleNamespace(remaining=1)
    held = frozenset()

    def advance(self, _):
        pass


class Idle:
    active = True

    def update(self, _):
        pass

    mark_active = update


class NoChanges:
    def take_new_partitions(self):
        return {}

    def await_missing(self, _):
        pass


def end_monitor(client, monkeypatch):
    monkeypatch.setattr(prediction_stream, "GroupConsumer", lambda *_: group_of(client))
    stream = PredictionStream(
        Connection("nowhere"), NoChanges(), DECODER, Windows(), Idle(), pytest.fail
    )
    with pytest.raises((ConsumerError, RefusedError)) as raised:
        while True:
            stream.poll(None)
    return raised.value


@pytest.mark.parametrize("end", [end_scorer, end_monitor])
@pytest.mark.parametrize(
    ("code", "expected", "left"),
    [
        (KafkaError.UNKNOWN_TOPIC_OR_PART, ConsumerError, 1),
        (KafkaError._UNKNOWN_TOPIC, ConsumerError, 1),
        (KafkaError._UNKNOWN_PARTITION, ConsumerError, 1),
        (KafkaError._BAD_COMPRESSION, ConsumerError, 1),
        (KafkaError._BAD_MSG, ConsumerError, 1),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, RefusedError, 1),
        (KafkaError._TRANSPORT, RefusedError, 0),  # continues, to the next error
        (KafkaError._MAX_POLL_EXCEEDED, RefusedError, 0),
    ],
)
def test_the_same_errors_end_the_scorer_and_the_monitor(code, expected, left, end, monkeypatch):
    client = Client(code)
    assert type(end(client, monkeypatch)) is expected
    assert len(client.codes) == left
