"""The two guarantees: how a batch's outputs and its offsets reach the cluster."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from threading import Event, Lock
from time import monotonic
from types import MappingProxyType
from typing import Any, NoReturn

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from streams.kafka import topics
from streams.kafka.call_thread import CallThread
from streams.kafka.connection import Connection
from streams.kafka.errors import (
    BatchAbortedError,
    CommitFatalError,
    OutageError,
    OutputRefusedError,
    WriteRefusedError,
    classify_refusal,
)
from streams.kafka.messages import Output
from streams.kafka.topic_admin import make_alter_command

log = logging.getLogger(__name__)

# A killed worker hides everybody's later commits for this long; the default is 60 s.
TRANSACTION_TIMEOUT_MS = 10_000
_CALL_TIMEOUT_S = 2.0  # short, so that a stop is noticed between two calls; each call is repeated
_UNREACHABLE_PAUSE_S = 0.5
# How long one batch may wait for the cluster; then the process ends, and a new one reads the batch
# again. Three brokers replace a dead one within 20 s; a broker on its own restarts in as long. By
# then the transaction has timed out, so waiting longer saves nothing (docs/decisions/0019).
DEADLINE_S = 30.0
# A request ends with one of these if it waited for a connection that broke, perhaps during the
# handshake, or for a host name that no longer resolves (a stopped container). `classify` calls
# the first of them a refusal. If it is one, the next process learns so in `open`.
_DISCONNECTED = {KafkaError._AUTHENTICATION, KafkaError._RESOLVE, KafkaError._TRANSPORT}

# What a topic answers to a record that it would refuse again.
_REFUSALS = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.INVALID_TIMESTAMP,
    KafkaError.INVALID_RECORD,
    KafkaError.POLICY_VIOLATION,
    KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
    KafkaError.UNSUPPORTED_COMPRESSION_TYPE,
    KafkaError.TOPIC_EXCEPTION,
}

_astuple: Callable[[Output], tuple[Any, ...]] = msgspec.structs.astuple

ProducerFactory = Callable[[dict[str, Any]], Producer]

_NO_ANSWER = "no answer from the cluster"
_NOT_ENDED = (
    "the brokers have not ended this worker's last transaction "
    "(docs/runbooks/transaction-left-open.md)"
)

_NO_METADATA: Mapping[int, str] = MappingProxyType({})

_PRODUCER: dict[str, Any] = {
    # Back-to-back transactions hit this wait each time: at 2,000 tx/s the p99 fell from 130 ms
    # (with the default of 100) to 16-40 ms.
    "retry.backoff.ms": 5,
    # Large requests reduced the broker's CPU from 9.8 to 5.5-7 us a transaction.
    "batch.size": 1_000_000,
    "batch.num.messages": 10_000,
    # The broker's limit for each topic decides; a dead letter may exceed librdkafka's own limit.
    "message.max.bytes": 64 * 1024 * 1024,
    # A flush sends each batch, whatever the linger. It only has to be longer than producing a batch
    # takes: librdkafka's idempotent producer (2.16, rd_kafka_toppar_producer_serve) spins on a
    # whole core while a partition has records to send and five requests in flight, so nothing may
    # go out before the whole batch is there.
    "linger.ms": 100,
}


def make_producer_settings(transactional_id: str) -> dict[str, Any]:
    """Return the settings of a transactional producer."""
    return _PRODUCER | {
        "transactional.id": transactional_id,
        "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
        "delivery.timeout.ms": TRANSACTION_TIMEOUT_MS,
        # librdkafka 2.16.0 forgets its brokers when all are down, but not which of them was the
        # group's coordinator: after an outage send_offsets_to_transaction waits for that one for
        # ever, whatever its timeout (confluentinc/librdkafka#5511, #5456; reproduced). With three
        # brokers, "rebootstrap" is no better (docs/decisions/0019).
        "metadata.recovery.strategy": "none",
    }


@contextmanager
def _raise_reported() -> Iterator[None]:
    """Raise the error that the client reports, not the SystemError that hides it.

    confluent-kafka 2.16 still calls `on_delivery` while the exception of a fatal error is pending,
    which Python answers with a SystemError.
    """
    try:
        yield
    except SystemError as error:
        reported: BaseException = error
        while isinstance(reported, SystemError) and reported.__cause__ is not None:
            reported = reported.__cause__
        raise reported from None


class _BatchCommitter:
    """Base class of both guarantees. Only one thread at a time may use an instance.

    It commits offsets of the topic `input_topic`, each with its partition's `metadata` at that
    moment. Setting `give_up` ends the wait for a broker that does not answer.
    """

    def __init__(
        self,
        connection: Connection,
        give_up: Event,
        input_topic: str = topics.TRANSACTIONS,
        metadata: Mapping[int, str] = _NO_METADATA,
        client: ProducerFactory = Producer,
    ) -> None:
        self._connection = connection
        self._client = client
        self._producer: Producer
        self._give_up = give_up
        self._input_topic = connection.qualify(input_topic)
        self._metadata = metadata
        self._waited = False
        self._waits_for = _NO_ANSWER
        self._refusal: tuple[str, KafkaError] | None = None
        self._calls = CallThread("kafka calls")

    def _make_producer(self, settings: Mapping[str, Any]) -> Producer:
        reports = {"delivery.report.only.error": True, "on_delivery": self._on_delivery_error}
        return self._client(self._connection.make_writer_config({**settings, **reports}))

    def _on_delivery_error(self, error: KafkaError, message: Message) -> None:
        # the client's transactional calls may hide this error behind a later one
        if error.code() in _REFUSALS:
            self._refusal = message.topic() or "", error

    def _raise_if_refused(self) -> None:
        """Raise OutputRefusedError or WriteRefusedError if a topic refused an output since `write`.

        The error of the call that failed may hide the refusal.
        """
        if self._refusal is None:
            return
        refusing, error = self._refusal
        if error.code() != KafkaError.MSG_SIZE_TOO_LARGE:
            raise WriteRefusedError(
                f"{refusing} refuses an output: {error.str()}. Compare the topic's settings, and "
                "the clocks of this machine and the brokers: fraud doctor"
            )
        topic = topics.BY_NAME[refusing.removeprefix(self._connection.topic_prefix)]
        limit = {"max.message.bytes": str(topic.max_record_bytes)}
        raise OutputRefusedError(
            f"{refusing} refuses an output as too large; to raise its limit, run: "
            f"{make_alter_command(self._connection, refusing, limit)}"
        )

    def _produce(self, outputs: list[Output]) -> None:
        self._refusal = None
        names = {topic.name: self._connection.qualify(topic.name) for topic in topics.TOPICS}
        produce = self._producer.produce
        for topic, key, value, headers, partition in map(_astuple, outputs):
            try:
                produce(names[topic], value, key, partition, headers=headers)
            except BufferError:  # librdkafka's queue is full: wait for the broker
                with _raise_reported():
                    self._producer.flush(_CALL_TIMEOUT_S)
                produce(names[topic], value, key, partition, headers=headers)

    def _within_deadline(self, call: Callable[[], None]) -> None:
        """Make a call of any length. Raises what it raises, and OutageError after DEADLINE_S."""
        self._wait(self._calls.submit(call))

    def _wait(self, done: Future[None]) -> None:
        try:
            done.result(DEADLINE_S)
        except TimeoutError:
            self._give_up.set()  # if the call returns after all, it is not repeated
            raise OutageError(
                f"{self._waits_for} for {DEADLINE_S:.0f} s; a new client has to connect"
            ) from None

    def _persist(self, call: Callable[[], None]) -> None:
        """Repeat a call while its error is retriable. Raises KafkaException.

        Not with streams.kafka.retry, which would cost 50 us on each call (docs/decisions/0015), and
        not by streams.kafka.errors.classify: on a transaction only `retriable` says whether
        librdkafka allows the same call again.
        """
        while True:
            asked_at = monotonic()
            try:
                with _raise_reported():
                    call()
            except KafkaException as error:
                cause = error.args[0]
                if not cause.retriable() or self._give_up.is_set():
                    raise
                self._waited = True
                not_ended = cause.code() == KafkaError.CONCURRENT_TRANSACTIONS
                self._waits_for = _NOT_ENDED if not_ended else _NO_ANSWER
                said = _NOT_ENDED if not_ended else f"Kafka does not answer ({cause.str()})"
                log.warning("%s: trying again", said)
                self._give_up.wait(_UNREACHABLE_PAUSE_S)
            else:
                return
            finally:
                # librdkafka's send_offsets_to_transaction (2.16) ignores its timeout while the
                # broker is down, and may succeed once the broker is back
                self._waited |= monotonic() - asked_at > _CALL_TIMEOUT_S


class TransactionalCommitter(_BatchCommitter):
    """Exactly once: commits a batch's outputs and its offsets in one Kafka transaction.

    The producers take turns. A broker completes a transaction after it has answered the commit, and
    until then delays the next one of the same transactional id, but not one of another id
    (docs/decisions/0009-producers-take-turns.md). `names` are the transactional ids, without the
    prefix.
    """

    def __init__(
        self,
        connection: Connection,
        names: Sequence[str],
        give_up: Event,
        input_topic: str = topics.TRANSACTIONS,
        metadata: Mapping[int, str] = _NO_METADATA,
        client: ProducerFactory = Producer,
    ) -> None:
        super().__init__(connection, give_up, input_topic, metadata, client)
        self._turns = deque(
            self._make_producer(make_producer_settings(connection.qualify(name))) for name in names
        )
        self._producer = self._turns[0]

    def open(self) -> None:
        """Fence older processes with the same transactional ids and abort their transactions.

        Raises RefusedError, OutageError, KafkaException.
        """
        try:
            for producer in self._turns:
                initialize = partial(producer.init_transactions, _CALL_TIMEOUT_S)
                self._within_deadline(partial(self._persist, initialize))
        except KafkaException as error:
            raise (classify_refusal(error.args[0]) or error) from None

    def take_offsets_to_commit(self) -> dict[int, int]:
        """Return no offsets: the transactions commit them."""
        return {}

    def write(self, outputs: list[Output]) -> None:
        """Begin a transaction and produce the outputs, which the client sends in the background.

        Raises KafkaException; call `abort` then.
        """
        self._waited = False
        self._turns.rotate()
        self._producer = self._turns[0]
        self._producer.begin_transaction()
        self._produce(outputs)

    def commit(self, offsets: Mapping[int, int], group_metadata: Any) -> None:
        """Make the outputs and the offsets (next offset by partition) visible together.

        Raises BatchAbortedError, OutputRefusedError, WriteRefusedError, CommitFatalError or
        RefusedError; then neither is visible.
        """
        positions = [
            TopicPartition(self._input_topic, partition, offset, self._metadata.get(partition, ""))
            for partition, offset in offsets.items()
        ]
        ended = self._calls.submit(partial(self._end_transaction, positions, group_metadata))
        try:
            # Send the outputs and the offsets at the same time, to save a round trip
            # (docs/decisions/0010).
            with _raise_reported():
                self._producer.flush(_CALL_TIMEOUT_S)
            self._wait(ended)
        except KafkaException as error:
            self.abort(error)
        self._producer.poll(0)

    def _end_transaction(self, positions: list[TopicPartition], group_metadata: Any) -> None:
        """Send the offsets and commit the transaction."""
        producer = self._producer
        # librdkafka 2.16 may never return from this, whatever the timeout, if the group's
        # coordinator is gone
        self._persist(
            partial(
                producer.send_offsets_to_transaction, positions, group_metadata, _CALL_TIMEOUT_S
            )
        )
        # Repeat an uncertain commit, never abort it: the broker may have completed it.
        self._persist(partial(producer.commit_transaction, _CALL_TIMEOUT_S))

    def abort(self, error: KafkaException) -> NoReturn:
        """Abort the transaction because of `error`.

        Raises BatchAbortedError; OutputRefusedError or WriteRefusedError if a topic refused an
        output; RefusedError if Kafka refuses this user; CommitFatalError if the producer cannot be
        used any more.
        """
        cause = error.args[0]
        disconnected = cause.code() in _DISCONNECTED
        refused = None if disconnected else classify_refusal(cause)
        if refused:
            with suppress(KafkaException):
                self._within_deadline(self._abort_transaction)
            raise refused
        fatal = OutageError if self._waited or disconnected else CommitFatalError
        if cause.fatal():
            raise _explain(cause, fatal)
        if self._give_up.is_set():
            # the broker aborts the transaction when it times out or when this id is used again
            raise BatchAbortedError(f"given up: {cause.str()}")
        try:
            self._within_deadline(partial(self._persist, self._abort_transaction))
        except KafkaException as abort_error:
            raise _explain(abort_error.args[0], fatal) from abort_error
        self._raise_if_refused()
        raise BatchAbortedError(cause.name())  # not `str`, which repeats every partition

    def _abort_transaction(self) -> None:
        self._producer.abort_transaction(_CALL_TIMEOUT_S)


def _explain(cause: KafkaError, fatal: type[CommitFatalError]) -> CommitFatalError:
    is_fenced = cause.code() == KafkaError._FENCED and fatal is CommitFatalError
    hint = "; does another one run with the same FRAUD_INSTANCE?" if is_fenced else ""
    return fatal(f"{cause.name()}: {cause.str()}{hint}")


class FlushingCommitter(_BatchCommitter):
    """At least once: a batch is done once its outputs are acknowledged.

    If the process dies before the offsets are committed, the batch is scored again.

    The consumer's thread commits the offsets that `take_offsets_to_commit` returns.
    confluent-kafka 2.16 lets only one thread at a time use a consumer (measured): a commit from
    here would wait for its poll, and without end during a rebalance that waits for this commit.
    """

    def __init__(self, connection: Connection, give_up: Event) -> None:
        super().__init__(connection, give_up)
        self._producer = self._make_producer(_PRODUCER | {"delivery.timeout.ms": 0})
        self._delivery_error: KafkaError | None = None
        self._done: dict[int, int] = {}
        self._lock = Lock()

    def open(self) -> None:
        """Do nothing: without transactions there is no older process to fence."""

    def write(self, outputs: list[Output]) -> None:
        """Produce the outputs, which the client sends in the background.

        Raises KafkaException; call `abort` then.
        """
        self._delivery_error = None
        self._produce(outputs)

    def commit(self, offsets: Mapping[int, int], group_metadata: Any) -> None:  # noqa: ARG002
        """Wait until the outputs are acknowledged.

        Raises BatchAbortedError, OutputRefusedError, WriteRefusedError, CommitFatalError or
        RefusedError.
        """
        try:
            self._within_deadline(partial(self._persist, self._flush))
        except KafkaException as error:
            self.abort(error)
        with self._lock:
            self._done.update(offsets)

    def abort(self, error: KafkaException) -> NoReturn:
        """Leave the offsets uncommitted.

        Raises BatchAbortedError, OutputRefusedError, WriteRefusedError, CommitFatalError or
        RefusedError.
        """
        self._raise_if_refused()
        cause = error.args[0]
        failed = CommitFatalError if cause.fatal() else BatchAbortedError
        raise (classify_refusal(cause) or failed(f"{cause.name()}: {cause.str()}")) from error

    def take_offsets_to_commit(self) -> dict[int, int]:
        """Return the next offset by partition of the batches done since the last call."""
        with self._lock:
            taken = self._done
            self._done = {}
        return taken

    def _flush(self) -> None:
        if self._producer.flush(_CALL_TIMEOUT_S):
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, retriable=True))
        if self._delivery_error is not None:
            raise KafkaException(self._delivery_error)

    def _on_delivery_error(self, error: KafkaError, message: Message) -> None:
        super()._on_delivery_error(error, message)
        self._delivery_error = error
