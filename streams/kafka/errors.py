"""Errors of everything that talks to Kafka, and the one classification of the client's own errors.

StreamError
├── RefusedError                  Kafka refuses the credentials, the certificate, the permissions or
│                                 a client's settings
├── ReadingError                  a topic cannot be read
│   ├── TopicMissingError         a topic does not exist, or this user may not see it
│   ├── ReadingStoppedError       the cluster reported records but did not deliver them
│   └── RedriveError              (streams.dlq.redrive)
├── TopicError                    the topics were not created as declared
│   └── TopicMismatchError        a topic exists with other partitions or less safe settings
├── ConsumerError                 a member of a consumer group cannot continue
│   ├── LostRangeError            records were deleted before they were read
│   ├── HistoryGapError           (streams.history.errors)
│   └── TopicRecreatedError       a topic was deleted and made again under its readers
├── BlockError                    (streams.history.block)
├── TooManyDeadLettersError       (streams.scorer.dead_letter_limit)
└── CommitError                   a batch was not committed
    ├── BatchAbortedError         read the batch again
    ├── OutputRefusedError        a topic refuses an output as too large
    ├── WriteRefusedError         a topic refuses an output for a reason that stays
    └── CommitFatalError          no commit of this process can succeed any more
        └── OutageError           Kafka was unreachable too long; restart the process

Each class has the exit code with which a worker of `fraud score` ends on it. All other commands
ignore the attribute and exit with 1. Anything else that Kafka reports stays a
`confluent_kafka.KafkaException`.
"""

import re
from collections.abc import Iterable
from enum import Enum
from typing import Self

from confluent_kafka import KafkaError, KafkaException

FAILED = 1  # restart the worker, unless it keeps failing
DO_NOT_RESTART = 3  # stop all workers: a person has to decide
AFTER_OUTAGE = 4  # restart the worker; an outage does not count as a failure
HOPELESS = 5  # stop all workers: the next one would fail in the same way
CANNOT_START = 6  # a file or port is not usable; workers that started before that may go on


class StreamError(RuntimeError):
    """Base class. The message says what is wrong and, where possible, how to fix it."""

    exit_code = FAILED


class RefusedError(StreamError):
    """Kafka refused this user or a client's settings; retrying does not help."""

    exit_code = HOPELESS


class ReadingError(StreamError):
    """A topic cannot be read."""


class TopicMissingError(ReadingError):
    """Topics do not exist. Kafka reports topics that the user may not see as missing, too."""

    exit_code = DO_NOT_RESTART

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(
            f"no such topic, or no permission to see it: {', '.join(names)}; "
            "`fraud topics` creates what is missing"
        )


class ReadingStoppedError(ReadingError):
    """The cluster reported records but did not deliver them."""


class TopicError(StreamError):
    """The topics are not as declared; the message says which and how."""


class TopicMismatchError(TopicError):
    """Topics have other partitions or less safe settings than declared; each has its line."""

    exit_code = DO_NOT_RESTART


class ConsumerError(StreamError):
    """A member of a consumer group cannot continue."""


class LostRangeError(ConsumerError):
    """Records were deleted before they were read."""

    exit_code = DO_NOT_RESTART


class TopicRecreatedError(ConsumerError):
    """A topic was deleted and made again, so the group's offsets are those of another topic."""

    exit_code = DO_NOT_RESTART

    @classmethod
    def of(cls, name: str, old_id: str, new_id: str, advice: str = "") -> Self:
        """Return the error for a topic whose id has changed."""
        said = f'the topic "{name}" was recreated (old id {old_id}, new id {new_id})'
        return cls(f"{said}. {advice}" if advice else said)

    @classmethod
    def without_offsets(cls, name: str, group: str, new_id: str, advice: str) -> Self:
        """Return the error for a group that has written outputs, but has no offsets.

        Kafka deletes a topic's committed offsets with it.
        """
        return cls(
            f'the topic "{name}" was recreated (new id {new_id}), or the offsets of group {group} '
            f"expired: it has none, although it has scored records. {advice}"
        )


class CommitError(StreamError):
    """A batch was not committed."""


class BatchAbortedError(CommitError):
    """The batch's offsets are not committed; an exactly-once batch left nothing visible."""


class OutputRefusedError(CommitError):
    """A topic refuses an output as too large, so its batch was aborted like any other.

    Kafka refuses everything in a request for a partition, without saying what is too large.
    """

    exit_code = DO_NOT_RESTART


class WriteRefusedError(CommitError):
    """A topic refuses an output, and would refuse it again: its settings or a clock are wrong."""

    exit_code = DO_NOT_RESTART


class CommitFatalError(CommitError):
    """No commit of this process can succeed any more: it is fenced or out of attempts."""


class OutageError(CommitFatalError):
    """Kafka was unreachable too long; restart the process. No data was lost."""

    exit_code = AFTER_OUTAGE


class Failure(Enum):
    """The meaning of an error of the client.

    TRANSIENT: retry. REFUSED: a person has to change credentials or permissions. FATAL: this client
    cannot continue. UNCLASSIFIED: a call fails with it, but a consumer that reports it recovers by
    itself.
    """

    TRANSIENT = "transient"
    REFUSED = "refused"
    FATAL = "fatal"
    UNCLASSIFIED = "unclassified"


_AUTHENTICATION = {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED}
_AUTHORIZATION = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
_UNKNOWN_TOPIC = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
}
# What a broker refuses of a group's member, whenever it asks -> what decides it
_GROUP_REFUSALS = {
    KafkaError.INVALID_SESSION_TIMEOUT: "set session.timeout.ms in FRAUD_KAFKA_CONFIG within the "
    "brokers' group.min.session.timeout.ms and group.max.session.timeout.ms",
    KafkaError.INCONSISTENT_GROUP_PROTOCOL: "stop the group's members that use another "
    "partition.assignment.strategy",
    KafkaError.GROUP_MAX_SIZE_REACHED: "stop some of its members, or raise the brokers' "
    "group.max.size",
    KafkaError.UNSUPPORTED_VERSION: "the brokers are too old for this client",
}
_UNREADABLE = {KafkaError._BAD_COMPRESSION, KafkaError._BAD_MSG}
# No broker answers, a partition's leader or a group's coordinator is being elected, moved or
# loaded, or a commit is still pending.
_TRANSIENT = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_LEADER_EPOCH,  # from a broker that has just come back
    KafkaError.FENCED_LEADER_EPOCH,  # the same, for a client that does not know the new epoch yet
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.UNSTABLE_OFFSET_COMMIT,
    KafkaError._WAIT_COORD,
    KafkaError._TRANSPORT,
    KafkaError._TIMED_OUT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._NOENT,  # from an admin client that knows no leader of the partition
}
# librdkafka (2.16) also reports as failed authentication: a connection that breaks during the
# handshake (rd_kafka_broker_handle_SaslHandshake), and a token server that is down while the last
# token is still valid.
_TRANSIENT_TEXTS = ("handshake failed: Local: ", "Failed to acquire SASL OAUTHBEARER token")


def classify(error: KafkaError) -> Failure:
    """Return what an error of the client means.

    Calls on a transactional producer are the exception: there `error.retriable()` alone decides
    (streams.kafka.committer), because librdkafka may require an abort with a code that is transient
    elsewhere.
    """
    code = error.code()
    if code == KafkaError._SSL:
        return Failure.REFUSED
    if any(text in error.str() for text in _TRANSIENT_TEXTS):
        return Failure.TRANSIENT
    if code in _AUTHENTICATION or code in _AUTHORIZATION:
        return Failure.REFUSED
    if error.fatal() or code in _UNKNOWN_TOPIC or code in _UNREADABLE:
        return Failure.FATAL
    if error.retriable() or code in _TRANSIENT:
        return Failure.TRANSIENT
    return Failure.UNCLASSIFIED


def is_transient(error: BaseException) -> bool:
    """Return whether a failed call is worth repeating."""
    return isinstance(error, KafkaException) and classify(error.args[0]) is Failure.TRANSIENT


def is_topic_missing(error: BaseException) -> bool:
    """Return whether a call failed because the cluster does not know the topic."""
    if isinstance(error, KafkaException):
        return error.args[0].code() in _UNKNOWN_TOPIC
    return isinstance(error, TopicMissingError)


def shorten(error: KafkaError) -> str:
    """Return the text of an error of the client, without the broker's name and the duration.

    They are "sasl_ssl://host:9092/bootstrap: " before it, and "(after 322ms in state AUTH_REQ)" or
    "(after 781 ms)" after it.
    """
    return re.sub(r"^(\w+://\S+|\S+/\S+): | \(after \d+ ?ms[^)]*\)$", "", error.str())


def classify_refusal(error: KafkaError, servers: str = "") -> RefusedError | None:
    """Return the error to raise if Kafka refuses this user; None if it does not."""
    if classify(error) is not Failure.REFUSED:
        return None
    reason = shorten(error)
    at = f"Kafka at {servers}" if servers else "Kafka"
    if error.code() == KafkaError._SSL:
        return RefusedError(
            f"no TLS with {at}: {reason}; see the ssl.* lines of FRAUD_KAFKA_CONFIG"
        )
    if error.code() in _AUTHENTICATION:
        return RefusedError(
            f"{at} refuses the credentials: {reason}; see the sasl.* lines of FRAUD_KAFKA_CONFIG"
        )
    return RefusedError(
        f"{at} denies this user permission: {reason}; "
        "`fraud doctor` lists the permissions that are missing"
    )


def classify_consumer_error(error: KafkaError, topic: str) -> StreamError | None:
    """Return the error to raise for one that a consumer reports; None if it recovers by itself."""
    if refused := classify_refusal(error):
        return refused
    if advice := _GROUP_REFUSALS.get(error.code()):
        return RefusedError(f"{topic}: {error.str()}; {advice}")
    if classify(error) is not Failure.FATAL:
        return None
    hint = "" if error.code() in _UNREADABLE else " (do the topics exist? run: fraud topics)"
    return ConsumerError(f"{topic}: {error.str()}{hint}")
