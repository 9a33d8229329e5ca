"""The two guarantees: how a batch's outputs and its offsets reach the cluster.

CommitError
+-- BatchAbortedError   the batch is not committed; it is to be read again
+-- CommitFatalError    this process may not go on: fenced, not authorised, or out of attempts
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Event, Lock
from time import monotonic
from typing import Any, NoReturn

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from streams.kafka import topics
from streams.kafka.auth import refusal
from streams.kafka.codec import Output
from streams.kafka.connection import Connection

log = logging.getLogger(__name__)

TRANSACTION_TIMEOUT_MS = (
    10_000  # a killed worker hides everybody's later commits for so long; the default is 60 s
)
_CALL_TIMEOUT_S = (
    2.0  # short, for a stop to be noticed in between; what is not answered by then is asked again
)
_UNREACHABLE_POLL_S = 0.5
# What requests end with that waited for a connection which broke, in its handshake perhaps, or for a name that is gone meanwhile (a
# container that was stopped). Credentials that are really refused are named when the next process opens.
_OUT_OF_TOUCH = {KafkaError._AUTHENTICATION, KafkaError._RESOLVE, KafkaError._TRANSPORT}


class CommitError(RuntimeError):
    """A batch was not committed."""


class BatchAbortedError(CommitError):
    """The batch's offsets are not committed; of an exactly-once batch nothing is visible to a reader of committed records."""


class CommitFatalError(CommitError):
    """No commit of this process can succeed any more."""


class OutageError(CommitFatalError):
    """Kafka did not answer for so long that this process is of no use. A new one goes on; nothing was lost, and nobody is to blame."""


_PRODUCER: dict[str, Any] = {
    # back-to-back transactions hit this wait each time: p99 at 2,000 tx/s fell from 130 ms to 16-40 ms against the default of 100
    "retry.backoff.ms": 5,
    # large requests took the broker's CPU from 9.8 to 5.5-7 us a transaction
    "batch.size": 1_000_000,
    "batch.num.messages": 10_000,
    # the broker's limit decides, topic by topic; a dead letter may be larger than librdkafka's own limit
    "message.max.bytes": 64 * 1024 * 1024,
    # A batch is handed over as a whole and then flushed, which sends it whatever this says: longer than the handing over takes.
    # librdkafka's idempotent producer (2.16, rd_kafka_toppar_producer_serve) spins, with a core for itself, while a partition has
    # records left to send and five on their way, so nothing may go out before the rest is there.
    "linger.ms": 100,
}


def producer_settings(transactional_id: str) -> dict[str, Any]:
    """Settings of the transactional producer, each with where it comes from."""
    return _PRODUCER | {
        "transactional.id": transactional_id,
        "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
        "delivery.timeout.ms": TRANSACTION_TIMEOUT_MS,
        # librdkafka 2.16.0 forgets its brokers when all are down, but not which of them was the group's coordinator: after an outage
        # send_offsets_to_transaction waits for that one for ever, whatever its timeout (confluentinc/librdkafka#5511, #5456; tried)
        "metadata.recovery.strategy": "none",
    }


class _BatchCommitter:
    """What both guarantees share. One instance belongs to one thread at a time.

    `source`: the topic whose offsets are committed. `give_up` ends the waiting for a broker that does not answer.
    """

    def __init__(
        self,
        connection: Connection,
        producer: Producer,
        give_up: Event,
        source: str = topics.TRANSACTIONS,
    ) -> None:
        self._connection = connection
        self._producer = producer
        self._give_up = give_up
        self._source = connection.named(source)
        self._waited = False

    def _produce(self, outputs: list[Output]) -> None:
        names = {topic.name: self._connection.named(topic.name) for topic in topics.TOPICS}
        produce = self._producer.produce
        for output in outputs:
            try:
                produce(names[output.topic], output.value, output.key, headers=output.headers)
            except BufferError:  # librdkafka's queue is full: the broker sets the pace
                self._producer.flush(_CALL_TIMEOUT_S)
                produce(names[output.topic], output.value, output.key, headers=output.headers)

    def _persist(self, call: Callable[[], None]) -> None:
        """Repeats a call for as long as the cluster may still answer it. Raises KafkaException when it will not."""
        while True:
            asked_at = monotonic()
            try:
                call()
            except KafkaException as error:
                if not error.args[0].retriable() or self._give_up.is_set():
                    raise
                self._waited = True
                log.warning("Kafka does not answer (%s): trying again", error.args[0].str())
                self._give_up.wait(_UNREACHABLE_POLL_S)
            else:
                return
            finally:  # librdkafka's send_offsets_to_transaction (2.16) keeps no time-out while the broker is away, and may succeed after it
                self._waited |= monotonic() - asked_at > _CALL_TIMEOUT_S


class TransactionalCommitter(_BatchCommitter):
    """Exactly once: a batch's outputs and its offsets in one Kafka transaction.

    The producers take turns, one transaction after the other. A broker ends a transaction after it has answered, and until then puts off
    the next one of the same transactional id, but not that of another (docs/decisions/0009-producers-take-turns.md).
    """

    def __init__(
        self,
        connection: Connection,
        producers: Sequence[Producer],
        give_up: Event,
        source: str = topics.TRANSACTIONS,
    ) -> None:
        super().__init__(connection, producers[0], give_up, source)
        self._turns = deque(producers)
        self._sending = ThreadPoolExecutor(max_workers=1, thread_name_prefix="send")

    def open(self) -> None:
        """Fences an older process with the same transactional ids, and aborts what it left open. Raises RefusedError, KafkaException."""
        try:
            for producer in self._turns:
                self._persist(partial(producer.init_transactions, _CALL_TIMEOUT_S))
        except KafkaException as error:
            raise (refusal(error.args[0]) or error) from None

    def take_done(self) -> dict[int, int]:
        """Leaves no offsets to others: its transactions commit them."""
        return {}

    def write(self, outputs: list[Output]) -> None:
        """Begins a transaction and hands it the outputs, which are sent meanwhile. Raises KafkaException, after which `abort` is due."""
        self._waited = False
        self._turns.rotate()
        self._producer = self._turns[0]
        self._producer.begin_transaction()
        self._produce(outputs)

    def commit(self, offsets: Mapping[int, int], group_metadata: Any) -> None:
        """Makes what was written and the offsets visible together, or not at all. `offsets`: the source's next offset by partition.

        Raises BatchAbortedError, CommitFatalError or RefusedError.
        """
        positions = [
            TopicPartition(self._source, partition, offset) for partition, offset in offsets.items()
        ]
        # What was written goes out beside the offsets, not after them: a round trip less (docs/decisions/0010).
        sent = self._sending.submit(self._producer.flush, _CALL_TIMEOUT_S)
        try:
            self._persist(
                lambda: self._producer.send_offsets_to_transaction(
                    positions, group_metadata, _CALL_TIMEOUT_S
                )
            )
            sent.result()
            # An uncertain commit is asked for again, never aborted: the broker may have carried it out.
            self._persist(lambda: self._producer.commit_transaction(_CALL_TIMEOUT_S))
        except KafkaException as error:
            self.abort(error)
        self._producer.poll(0)

    def abort(self, error: KafkaException) -> NoReturn:
        """Ends the transaction without a trace. Raises BatchAbortedError, RefusedError, or CommitFatalError where all else fails."""
        cause = error.args[0]
        out_of_touch = cause.code() in _OUT_OF_TOUCH
        refused = None if out_of_touch else refusal(cause)
        if refused:
            with suppress(KafkaException):
                self._producer.abort_transaction(_CALL_TIMEOUT_S)
            raise refused
        fatal = OutageError if self._waited or out_of_touch else CommitFatalError
        if cause.fatal():
            raise _named(cause, fatal)
        if (
            self._give_up.is_set()
        ):  # the broker ends the transaction when it times out, or when this id comes back
            raise BatchAbortedError(f"given up: {cause.str()}")
        try:
            self._persist(lambda: self._producer.abort_transaction(_CALL_TIMEOUT_S))
        except KafkaException as failed:
            raise _named(failed.args[0], fatal) from failed
        raise BatchAbortedError(cause.name())  # the text repeats every partition


def _named(cause: KafkaError, fatal: type[CommitFatalError]) -> CommitFatalError:
    namesake = cause.code() == KafkaError._FENCED and fatal is CommitFatalError
    asked = "; does another one run with the same FRAUD_INSTANCE?" if namesake else ""
    return fatal(f"{cause.name()}: {cause.str()}{asked}")


class FlushingCommitter(_BatchCommitter):
    """At least once: a batch is done when its outputs are acknowledged. Whoever dies before its offsets are committed has it scored again.

    The consumer's thread commits the offsets, as `take_done` gives them: a commit from here would wait for as long as that one polls,
    and for ever while it waits for this one in a rebalance (tried: confluent-kafka 2.16 lets one thread at a time into a consumer).
    """

    def __init__(self, connection: Connection, give_up: Event) -> None:
        settings = _PRODUCER | {
            "delivery.timeout.ms": 0,
            "delivery.report.only.error": True,
            "on_delivery": self._on_refused,
        }
        super().__init__(connection, Producer(connection.writer(settings)), give_up)
        self._refused: KafkaError | None = None
        self._done: dict[int, int] = {}
        self._lock = Lock()

    def open(self) -> None:
        """Nothing of another process has to be ended."""

    def write(self, outputs: list[Output]) -> None:
        """Hands the outputs to the client, which sends them meanwhile. Raises KafkaException, after which `abort` is due."""
        self._refused = None
        self._produce(outputs)

    def commit(self, offsets: Mapping[int, int], group_metadata: Any) -> None:  # noqa: ARG002 - for transactions
        """Returns when what was written is acknowledged. Raises BatchAbortedError, CommitFatalError or RefusedError."""
        try:
            self._persist(self._flush)
        except KafkaException as error:
            self.abort(error)
        with self._lock:
            self._done.update(offsets)

    def abort(self, error: KafkaException) -> NoReturn:
        """Leaves the offsets where they are. Raises BatchAbortedError, CommitFatalError or RefusedError."""
        cause = error.args[0]
        failed = CommitFatalError if cause.fatal() else BatchAbortedError
        raise (refusal(cause) or failed(f"{cause.name()}: {cause.str()}")) from error

    def take_done(self) -> dict[int, int]:
        """The next offset of each partition whose batches are done since the last call."""
        with self._lock:
            taken, self._done = self._done, {}
        return taken

    def _flush(self) -> None:
        if self._producer.flush(_CALL_TIMEOUT_S):
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, retriable=True))
        if self._refused is not None:
            raise KafkaException(self._refused)

    def _on_refused(self, error: KafkaError, _: Any) -> None:
        self._refused = error
