"""Reads `history`: all that it holds, then every block as its transaction commits."""

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from streams.history.block import Block, BlockError, decode
from streams.kafka.cluster import Cluster, Offsets
from streams.kafka.connection import Connection
from streams.kafka.errors import (
    LostRangeError,
    TopicRecreatedError,
    classify_consumer_error,
    classify_refusal,
)
from streams.kafka.reader import poll_batch
from streams.kafka.retry import retry_until
from streams.kafka.topic_changes import TopicChanges
from streams.kafka.topics import HISTORY

log = logging.getLogger(__name__)

_BATCH = 64  # blocks; hundreds of full ones do not fit in the CPU caches when they are folded
_WAIT_S = 0.1  # a stop may take as long
_RETRY_S = 1.0
_CLOSE_S = 2.0  # a thread that waits for a broker ends with the process
_SETTINGS = {
    "auto.offset.reset": "error",  # an offset that is gone is a loss to report, not to skip
    "enable.partition.eof": True,
    # an empty fetch marks the end of a partition
    "fetch.wait.max.ms": 100,
    "fetch.queue.backoff.ms": 5,  # the default stalls a fast reader up to 1 s per full queue
    "queued.max.messages.kbytes": 16_384,
}

Answer = TypeVar("Answer")
Receive = Callable[[list[tuple[int, Block, int]]], None]
"""Takes blocks, each between its partition and its offset. Those of a partition are in order."""
Progress = Callable[[int, float], None]
"""Takes the number of payments read, and which share of the topic that was, 0 to 1."""


class Beginning(NamedTuple):
    """The first offset of a partition that was there to read; `is_cut`: some before it are gone."""

    offset: int
    is_cut: bool


class HistoryReader:
    """Reads the blocks of all partitions, in no consumer group; new partitions, too.

    `restore` reads what the topic holds; `start` goes on from there in a thread, until `close`. An
    outage is waited for. These stop the reader: TopicMissingError, TopicRecreatedError,
    RefusedError, ConsumerError; BlockError names the partition and offset of what is no block, and
    LostRangeError a range that was deleted before it was read.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._topic = connection.qualify(HISTORY)
        self._cluster = Cluster(connection)
        settings = _SETTINGS | {"error_cb": self._on_client_error}
        self._consumer = Consumer(connection.make_reader_config(None, settings))
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._beginnings: dict[int, Beginning] = {}
        # partition -> the offset before which every committed block was received
        self._received: Offsets = {}

    def restore(self, receive: Receive, progress: Progress, stopping: threading.Event) -> None:
        """Read all blocks that are committed by now, or until `stopping` is set."""
        self._stopping = stopping
        changes = self._retry(partial(TopicChanges, self._connection, HISTORY))
        if changes is None:
            return
        self._changes = changes
        self._add(changes.partitions(HISTORY))
        end = self._retry(partial(self._cluster.find_end, HISTORY, list(self._received))) or {}
        begin = dict(self._received)
        total = sum(end.values()) - sum(begin.values())
        payments = 0

        def count(blocks: list[tuple[int, Block, int]]) -> None:
            nonlocal payments
            receive(blocks)
            payments += sum(len(block.offsets) for _, block, _ in blocks)

        while not stopping.is_set() and any(self._received[each] < end[each] for each in end):
            self._step(count)
            done = sum(min(self._received[each], end[each]) - begin[each] for each in end)
            progress(payments, done / total)

    def start(self, receive: Receive, on_failure: Callable[[BaseException], None]) -> None:
        """Follow the topic in a thread that calls `receive`, after `restore`.

        `on_failure` takes the error that ends the thread.
        """
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._follow, args=(receive, on_failure), name="history", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop reading. `receive` is not called any more, unless the broker is away."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_S)
        if self._thread is None or not self._thread.is_alive():
            self._consumer.close()

    def is_at_end(self, partition: int) -> bool:
        """Return whether `receive` has returned for every block that the log holds at the call.

        It has not while a transaction is open, which may hold another block. Waits for the broker's
        answer. Raises TopicMissingError, KafkaException.
        """
        end = self._cluster.find_high_watermarks(HISTORY, [partition])[partition]
        return self._received.get(partition, -1) >= end

    @property
    def partitions(self) -> int:
        """How many partitions there are."""
        return len(self._received)

    def begins(self, partition: int) -> Beginning:
        """Return where a partition began when it was first read. Raises KeyError before that."""
        return self._beginnings[partition]

    def _follow(self, receive: Receive, on_failure: Callable[[BaseException], None]) -> None:
        try:
            while not self._stopping.is_set():
                self._step(receive)
        except BaseException as error:  # ends the thread; `on_failure` reports it
            on_failure(error)

    def _step(self, receive: Receive) -> None:
        blocks = []
        received: Offsets = {}
        for message in poll_batch(self._consumer, _BATCH, _WAIT_S):
            error = message.error()
            if error is None:
                blocks.append(self._decode(message))
                received[message.partition()] = message.offset() + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                # behind records that are no block: control records, those of aborted transactions
                received[message.partition()] = message.offset()
            else:
                self._handle(error, message.partition())
        if blocks:
            receive(blocks)
        self._received |= received
        self._add(self._find_new_partitions())

    def _decode(self, message: Message) -> tuple[int, Block, int]:
        partition, offset = message.partition(), message.offset()
        place = f"{self._topic}[{partition}] at offset {offset}"
        try:
            block = decode(message.value())
        except BlockError as error:
            raise BlockError(f"{place}: {error}") from error
        if block.partition != partition:
            raise BlockError(f"{place}: a block of partition {block.partition}")
        return partition, block, offset

    def _add(self, partitions: list[int]) -> None:
        """Read partitions from their beginning."""
        if not partitions:
            return
        found = self._retry(partial(self._cluster.find_earliest, HISTORY, partitions))
        for partition, offset in (found or {}).items():
            self._beginnings[partition] = Beginning(offset, offset > 0)
            self._received[partition] = offset
            self._consumer.incremental_assign([TopicPartition(self._topic, partition, offset)])

    def _find_new_partitions(self) -> list[int]:
        try:
            return self._changes.take_new_partitions().get(HISTORY, [])
        except TopicRecreatedError as error:
            raise self._explain(error) from error

    def _handle(self, error: KafkaError, partition: int) -> None:
        """Raise what waiting does not mend."""
        is_gone = error.code() == KafkaError._AUTO_OFFSET_RESET
        failure = classify_consumer_error(error, self._topic)
        if not is_gone and failure is None:
            log.warning("%s: %s", self._topic, error.str())
            return
        try:
            self._changes.await_missing(self._stopping)
        except TopicRecreatedError as recreated:
            raise self._explain(recreated) from recreated
        if failure is not None:
            raise failure
        self._begin_later(partition)

    def _begin_later(self, partition: int) -> None:
        """Read from what is left of a partition, if none of it was read yet."""
        next_offset = self._received[partition]
        if next_offset != self._beginnings[partition].offset:
            [first] = self._cluster.find_earliest(HISTORY, [partition]).values()
            raise LostRangeError(
                f"{self._topic}[{partition}]: offsets {next_offset} to {first - 1} were deleted "
                "before they were read; is its retention too short? run: fraud topics"
            )
        self._consumer.incremental_unassign([TopicPartition(self._topic, partition)])
        self._add([partition])

    def _explain(self, error: TopicRecreatedError) -> TopicRecreatedError:
        return TopicRecreatedError(
            f"{error}. The history that it held is gone; start the scorer again to see what of it "
            "is missing"
        )

    def _retry(self, call: Callable[[], Answer]) -> Answer | None:
        """Return the answer of Kafka, through any outage; None once the reader stops."""
        return retry_until(self._stopping, call, self._log_retry, _RETRY_S)

    def _log_retry(self, error: KafkaError) -> None:
        log.warning("%s: %s, trying again", self._topic, error.str())

    def _on_client_error(self, error: KafkaError) -> None:
        """Report a password that was revoked; the client recovers from all other errors itself."""
        refused = classify_refusal(error, self._connection.bootstrap_servers)
        if refused:
            raise refused
