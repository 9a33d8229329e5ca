"""`predictions` as one member of the group `fraud-monitor`, collected into the window that is open."""

import logging
import threading
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from drift import predictions
from drift.windows.idle_partitions import IdlePartitions
from drift.windows.tumbling import TumblingWindows
from streams.kafka.auth import RefusedError, refusal
from streams.kafka.cluster import PASSING, REFUSED
from streams.kafka.committer import OutageError
from streams.kafka.connection import Connection
from streams.kafka.coordinator_health import CoordinatorHealth
from streams.kafka.reader import poll_batch
from streams.kafka.topics import MONITOR_GROUP, PREDICTIONS

log = logging.getLogger(__name__)

_CONSUMER: dict[str, Any] = {
    "auto.offset.reset": "earliest",
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 6000,
    # a consumer faster than its fetches stalled up to 1 s each time its queue filled
    "fetch.queue.backoff.ms": 5,
    # windows are in no hurry: fewer, larger fetches leave the broker to those who are (at 2,000 a second it answered each few records)
    "fetch.min.bytes": 100_000,
    "fetch.wait.max.ms": 500,
}
# 3.8 us of CPU a record in batches of 500, 5.7 in batches of 10,000, which outgrow the caches (as in streams.kafka.reader)
_BATCH = 500
_POLL_S = 0.1
_LOOKUP_S = 2.0
# What waiting does not cure. Everything else a client reports and gets over by itself.
_FATAL = REFUSED | {KafkaError.UNKNOWN_TOPIC_OR_PART}


class PredictionStream:
    """Fills the window of `windows` that is open. One thread owns it: rebalances are answered inside `poll`."""

    def __init__(
        self, connection: Connection, windows: TumblingWindows, idle: IdlePartitions
    ) -> None:
        self._topic = connection.named(PREDICTIONS)
        self._idle = idle
        self._paused: set[int] | None = (
            None  # None: nobody knows, for partitions came or were assigned anew
        )
        self._servers = connection.bootstrap_servers
        self._failure: RefusedError | OutageError | None = None
        self._health = CoordinatorHealth(self._fail)
        told = self._health.settings | {"error_cb": self._on_client_error}
        self._consumer = Consumer(connection.reader(MONITOR_GROUP, _CONSUMER | told))
        self._rebalances = 0
        self._assigned = False
        self.windows = windows
        self._consumer.subscribe(
            [self._topic], on_assign=self._on_assign, on_revoke=self._on_gone, on_lost=self._on_gone
        )

    def poll(self, stop: threading.Event) -> None:
        """Takes the events that wait into the window, as many as it has room for.

        Raises RefusedError or KafkaException on an error that waiting does not cure, OutageError where a new stream may go on,
        BrokenPredictionError, WindowOrderError.
        """
        if self._failure:
            raise self._failure
        rebalances = self._rebalances
        limit = min(_BATCH, max(self.windows.window.room, 1))
        messages = [
            message
            for message in poll_batch(self._consumer, limit, _POLL_S)
            if self._is_record(message)
        ]
        if messages and self._rebalances != rebalances:
            # Some of these may belong to another member by now, and nobody can say which: read again from what is committed.
            self.rewind(stop)
        elif messages:
            rows = predictions.rows(messages)
            self.windows.add(predictions.positions(messages), rows, predictions.event_times(rows))
            self._idle.mark_active({message.partition() for message in messages})
        self._idle.update(self._cluster_answers)
        self.windows.advance(self._idle.active)
        self._hold()

    @property
    def ready(self) -> bool:
        """Whether the group has given this member its share, and the client is in touch with it."""
        return self._assigned and self._health.is_up

    @property
    def idle(self) -> bool:
        """Whether nothing has come from any partition for so long that no more is waited for."""
        return not self._idle.active

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.fatal() or error.code() in _FATAL:
            raise KafkaException(error)
        log.warning("%s: %s", self._topic, error.str())
        return False

    def _on_client_error(self, error: KafkaError) -> None:
        """The client gets over its errors by itself, but not over a password that was taken away. Called inside `poll`."""
        refused = refusal(error, self._servers)
        if refused:
            self._fail(refused)

    def _fail(self, failure: RefusedError | OutageError) -> None:
        self._failure = self._failure or failure

    def _hold(self) -> None:
        """Reads no more of the partitions whose next events wait for the next window, and goes on with those that waited."""
        if self._paused == self.windows.held:
            return
        owned = self._consumer.assignment()
        held = [partition for partition in owned if partition.partition in self.windows.held]
        others = [partition for partition in owned if partition.partition not in self.windows.held]
        self._consumer.pause(held)
        self._consumer.resume(others)
        self._idle.mark_active(
            {partition.partition for partition in others} & (self._paused or set())
        )
        self._paused = {partition.partition for partition in held}

    def open_window(self) -> None:
        """The window so far is committed: the next begins."""
        self.windows.open_next()
        self._idle.restart_timers()

    def rewind(self, stop: threading.Event) -> None:
        """The window so far is not committed and never will be: its events are read again."""
        self.windows.clear()
        self._idle.restart_timers()
        while not stop.is_set():
            owned = self._consumer.assignment()
            if not owned:
                return
            try:
                positions = self._consumer.committed(owned, timeout=_LOOKUP_S)
            except KafkaException as error:
                if not error.args[0].retriable() and error.args[0].code() not in PASSING:
                    raise
                log.warning("%s: %s, trying again", self._topic, error.args[0].str())
                continue
            self._paused = None
            self._consumer.incremental_unassign(owned)
            self._consumer.incremental_assign([_start(position) for position in positions])
            return

    def _cluster_answers(self) -> bool:
        """Whether silence means that there is nothing to read."""
        try:
            self._consumer.list_topics(self._topic, timeout=_LOOKUP_S)
        except KafkaException:
            return False
        return True

    def group_metadata(self) -> Any:
        """Proof of membership for a transaction, to be taken fresh for each."""
        return self._consumer.consumer_group_metadata()

    def close(self) -> None:
        """Leaves the group; the open window is the next member's."""
        self._consumer.close()

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._rebalances += 1
        self._assigned = True
        self._paused = None
        self._idle.mark_active({partition.partition for partition in partitions})

    def _on_gone(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._rebalances += 1
        gone = {partition.partition for partition in partitions}
        self.windows.drop(gone)
        self._idle.forget(gone)


def _start(committed: TopicPartition) -> TopicPartition:
    if committed.error:
        raise KafkaException(committed.error)
    return TopicPartition(
        committed.topic,
        committed.partition,
        committed.offset if committed.offset >= 0 else OFFSET_BEGINNING,
    )
