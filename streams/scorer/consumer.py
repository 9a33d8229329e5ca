"""The consumer's thread: polls batches, hands them over, and answers rebalances.

Everything that touches the consumer happens on this thread (`consumer_group_metadata()` from another one waits for as long as this
one polls: measured, 9 s). A batch is whatever is there, 1 to MAX_BATCH records. It is polled only when there is room for it further on, so
a slow commit makes batches larger, and nothing piles up.
"""

import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.kafka import topics
from streams.kafka.auth import refusal
from streams.kafka.cluster import PASSING, Answer, committed_offsets, persist
from streams.kafka.committer import OutageError
from streams.kafka.connection import Connection
from streams.kafka.reader import poll_batch
from streams.scorer.batch import MAX_IN_FLIGHT, Batch, InFlight

log = logging.getLogger(__name__)

MAX_BATCH = 4096
# Scoring so many takes about as long as a commit does (10 us each, 10 ms): only then it is worth doing both at once. A smaller batch
# would only wait behind the commit before it, longer than if it had been polled after that (docs/decisions/0006).
_OVERLAP = 1024
_POLL_S = 0.1
_LOOKUP_S = 30.0
_LAG_EVERY_S = 1.0
# Bytes that this client cannot read.
_UNREADABLE = {KafkaError._BAD_COMPRESSION, KafkaError._BAD_MSG}

CONSUMER_SETTINGS: dict[str, Any] = {
    # `error`: a position that fell out of the log is a loss to be named, not to be skipped; a new group's start is set below
    "auto.offset.reset": "error",
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 1500,
    # a consumer faster than its fetches stalled up to 1 s each time its queue filled
    "fetch.queue.backoff.ms": 5,
    "queued.max.messages.kbytes": 32 * 1024,
    "fetch.wait.max.ms": 100,
}


def _answer(ask: Callable[[], Answer]) -> Answer:
    """What the cluster says. Raises OutageError where it said nothing in all that time, KafkaException."""
    try:
        return ask()
    except KafkaException as error:
        if error.args[0].code() not in PASSING:
            raise
        raise OutageError(f"no answer for {_LOOKUP_S:.0f} s: {error.args[0].str()}") from None


class LostRangeError(RuntimeError):
    """Records were deleted before they were read."""


class SourceError(RuntimeError):
    """The consumer cannot go on."""


class BatchConsumer(threading.Thread):
    """Reads `transactions` as one member of the group `fraud-scorer`.

    `deliver` hands a batch over. `on_failure` is told of what ends the thread
    early, `on_lag` once a second of the [offset before which nothing is left to score, high watermark] of each partition owned.
    """

    def __init__(
        self,
        connection: Connection,
        consumer: Consumer,
        in_flight: InFlight,
        deliver: Callable[[Batch], None],
        on_failure: Callable[[BaseException], None],
        on_lag: Callable[[dict[int, tuple[int, int]]], None],
    ) -> None:
        super().__init__(name="source", daemon=True)
        self._topic = connection.named(topics.TRANSACTIONS)
        self._consumer = consumer
        self._in_flight = in_flight
        self._deliver = deliver
        self._on_failure = on_failure
        self._on_lag = on_lag
        self.take_done: Callable[[], dict[int, int]] = dict
        """The offsets that are left to this thread to commit, by partition; a transaction leaves none."""
        self._done: dict[int, int] = {}
        self._stopping = threading.Event()
        self._assigned = threading.Event()
        self._rebalances = 0
        self._epoch = in_flight.epoch
        self._number = 0
        self._size = 0  # of the last batch
        self._lag_at = 0.0
        self._starts: dict[int, int] = {}  # partition -> where this member took it over
        self._handed = 0  # batches, of all epochs
        self._looked: tuple[int, dict[int, int]] = (
            0,
            {},
        )  # the batches handed over until the last look at the positions, and these
        self._passed: dict[
            int, int
        ] = {}  # positions up to which everything is done with, transaction markers included

    @property
    def ready(self) -> bool:
        """Whether the group has given this member its share (which may be empty)."""
        return self._assigned.is_set() and self.is_alive()

    def stop(self) -> None:
        """Stops polling; what was handed over is waited for, then the group is left. Returns at once: join the thread."""
        self._stopping.set()

    def run(self) -> None:
        """The thread's body."""
        try:
            self._consumer.subscribe(
                [self._topic],
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_lost,
            )
            while not self._stopping.is_set():
                self._step()
            self._drain()
            self._commit_done(everything=True)
        except BaseException as error:  # the thread ends here, and its owner is told why
            self._on_failure(error)
        finally:
            self._consumer.close()

    def _step(self) -> None:
        self._commit_done()
        if self._epoch != self._in_flight.epoch:
            self._rewind()
        if not self._in_flight.wait_for_room(
            _POLL_S, MAX_IN_FLIGHT if self._size >= _OVERLAP else 1
        ):
            return
        rebalances = self._rebalances
        records, out_of_range = [], None
        for message in poll_batch(self._consumer, MAX_BATCH, _POLL_S):
            if message.error() is None:
                records.append(message)
            elif message.error().code() == KafkaError._AUTO_OFFSET_RESET:
                out_of_range = message
            else:
                self._note_error(message)
        if self._rebalances != rebalances and records:
            # Some of these may belong to another member by now, and nobody can say which: read again from what is committed.
            self._rewind()
        elif records:
            self._size = len(records)
            self._hand_over(records)
        if out_of_range is not None:
            raise self._lost_range(out_of_range.partition())
        self._report_lag()

    def _note_error(self, message: Message) -> None:
        """Logs an error that the client gets over by itself. Raises what any other means."""
        error = message.error()
        if error.fatal() or error.code() in (
            KafkaError.UNKNOWN_TOPIC_OR_PART,
            KafkaError._UNKNOWN_TOPIC,
            KafkaError._UNKNOWN_PARTITION,
        ):
            raise SourceError(
                f"{self._topic}: {error.str()} (are the topics there? run: fraud topics)"
            )
        if error.code() in _UNREADABLE:
            raise SourceError(f"{self._topic}: {error.str()}")
        if refused := refusal(error):
            raise refused
        log.warning("%s: %s", self._topic, error.str())

    def _lost_range(self, partition: int) -> LostRangeError:
        """What is missing behind the last record that was read, which what is on its way may still commit."""
        self._drain()
        self._commit_done(everything=True)
        [position] = self._positions([TopicPartition(self._topic, partition)])
        offset, (low, high) = position.offset, self._watermarks(position)
        first, end = (
            (offset, low) if offset < low else (high, offset)
        )  # deleted, or cut off at the end
        return LostRangeError(
            f"partition {partition} of {self._topic}: next to read is {offset}, but the log holds {low} to {high - 1}; "
            f"offsets {first} to {end - 1} are lost. To go on without them, "
            f"set the offset of group {topics.SCORER_GROUP} with Kafka's kafka-consumer-groups tool"
        )

    def _hand_over(self, records: list[Message]) -> None:
        batch = Batch(self._epoch, self._number, records, self._consumer.consumer_group_metadata())
        self._number += 1
        self._handed += 1
        self._in_flight.add()
        self._deliver(batch)

    def _rewind(self) -> None:
        """Starts a new epoch at the committed offsets, once nothing of the old one is on its way."""
        self._drain()
        self._commit_done()
        self._in_flight.end_epoch()
        self._epoch = self._in_flight.epoch
        self._number = 0
        owned = self._consumer.assignment()
        if owned:
            self._consumer.incremental_unassign(owned)
            self._assign(owned)

    def _drain(self) -> None:
        """Waits for what is on its way: it commits, aborts, or is given up when the worker ends; a broker's outage may come between."""
        while not self._in_flight.wait_until_empty(_POLL_S):
            pass

    def _commit_done(self, everything: bool = False, wait: bool = False) -> None:
        """Commits what the committer left to this thread; nobody learns of a failure but by `wait`, so `everything` is for a last word.

        `wait` is for a revocation alone: anywhere else, a commit that waits does not end while a rebalance is to be called back.
        """
        taken = self.take_done()
        self._done |= taken
        offsets = self._done if everything else taken
        if not offsets:
            return
        try:
            self._consumer.commit(
                offsets=[TopicPartition(self._topic, *place) for place in offsets.items()],
                asynchronous=not wait,
            )
        except (
            KafkaException
        ) as error:  # they are scored again by whoever reads them next, which at-least-once allows
            log.warning("offsets were not committed: %s", error.args[0].str())

    def _positions(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Where partitions are to be read on: at their committed offsets, and at the beginning where the group never committed.

        The beginning is where it was at the first look: what is deleted from there before it is read is lost.
        """
        positions = _answer(lambda: committed_offsets(self._consumer, partitions, _LOOKUP_S))
        for position in positions:
            if position.offset < 0:
                position.offset = (
                    self._starts[position.partition]
                    if position.partition in self._starts
                    else self._watermarks(position)[0]
                )
            position.offset = max(
                position.offset, self._done.get(position.partition, position.offset)
            )
        return positions

    def _watermarks(self, partition: TopicPartition) -> tuple[int, int]:
        """The first offset that the log holds, and the one after the last."""
        found: tuple[int, int] = _answer(
            lambda: persist(
                lambda: self._consumer.get_watermark_offsets(partition, timeout=_LOOKUP_S),
                _LOOKUP_S,
            )
        )
        return found

    def _assign(self, partitions: list[TopicPartition]) -> None:
        positions = self._positions(partitions)
        self._starts |= {position.partition: position.offset for position in positions}
        self._looked, self._passed = (self._handed, {}), {}
        self._consumer.incremental_assign(positions)

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._rebalances += 1
        if partitions:
            self._assign(partitions)
        else:
            self._consumer.incremental_assign([])
        self._assigned.set()

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """What is in flight is committed or aborted before another member may read on."""
        self._rebalances += 1
        self._drain()
        if not self._stopping.is_set():  # else all was said before the consumer was closed
            self._commit_done(everything=True, wait=True)
        self._done = {}
        self._consumer.incremental_unassign(partitions)

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """The partitions are somebody else's already: nothing in flight may be committed, also not what is done while it ends."""
        self._rebalances += 1
        self._in_flight.end_epoch()
        self._drain()
        self.take_done()
        self._done = {}
        self._consumer.incremental_unassign(partitions)

    def _report_lag(self) -> None:
        if monotonic() - self._lag_at < _LAG_EVERY_S:
            return
        self._lag_at = monotonic()
        owned = self._consumer.assignment()
        self._note_passed(owned)
        ranges = {}
        for position in owned:
            low, high = self._consumer.get_watermark_offsets(position, cached=True)
            if high >= 0:  # known from the first fetch on
                number = position.partition
                ranges[number] = (
                    max(self._starts[number], self._passed.get(number, low), low),
                    high,
                )
        self._on_lag(ranges)

    def _note_passed(self, owned: list[TopicPartition]) -> None:
        """Takes over the positions of the last look once all that was polled until then is committed, then looks again.

        The last entry of a partition may be a transaction's marker, or records that were aborted: `position()` goes past them (tried,
        librdkafka 2.16), while no batch holds them. This is for the lag alone. What is committed comes from the batches.
        """
        handed, positions = self._looked
        done = self._handed - self._in_flight.count
        if (
            done >= handed and self._epoch == self._in_flight.epoch
        ):  # compared last: an epoch ends before its batches leave the count
            self._passed = positions
            self._looked = (
                self._handed,
                {
                    at.partition: at.offset
                    for at in self._consumer.position(owned)
                    if at.offset >= 0
                },
            )
