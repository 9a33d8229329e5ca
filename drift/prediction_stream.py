"""Read `predictions` as a member of the group `fraud-monitor`, into the open window."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from drift.predictions import PredictionDecoder, get_event_times
from drift.windows.idle_partitions import IdlePartitions
from drift.windows.tumbling import TumblingWindows
from streams.kafka.cluster import find_committed
from streams.kafka.connection import Connection
from streams.kafka.errors import ConsumerError, OutageError, RefusedError
from streams.kafka.group_consumer import GROUP_SETTINGS, GroupConsumer
from streams.kafka.retry import retry_until
from streams.kafka.topic_changes import TopicChanges
from streams.kafka.topics import MONITOR_GROUP, PREDICTIONS

log = logging.getLogger(__name__)

_SETTINGS: dict[str, Any] = GROUP_SETTINGS | {
    "auto.offset.reset": "earliest",
    # Windows are not urgent: fewer, larger fetches leave the broker to urgent clients (at 2,000 a
    # second it answered with a few records each time).
    "fetch.min.bytes": 100_000,
    "fetch.wait.max.ms": 500,
}
# 3.8 us of CPU a record in batches of 500, 5.7 in batches of 10,000, which don't fit in the CPU
# caches (as in streams.kafka.reader).
_BATCH = 500
_LOOKUP_S = 2.0


class PredictionStream:
    """Fill the open window of `windows`. Not thread-safe, because `poll` answers rebalances.

    `on_skipped` takes the number of records of each batch that are not predictions.
    """

    def __init__(
        self,
        connection: Connection,
        changes: TopicChanges,
        decoder: PredictionDecoder,
        windows: TumblingWindows,
        idle: IdlePartitions,
        on_skipped: Callable[[int], None],
    ) -> None:
        self._changes = changes
        self._decoder = decoder
        # the partitions whose committed offsets are of this topic; None: all
        self._committed: set[int] | None = None
        self._idle = idle
        self._on_skipped = on_skipped
        # None after partitions were assigned or reassigned, which resumes them
        self._paused: set[int] | None = None
        self._failure: RefusedError | OutageError | None = None
        self.windows = windows
        self._group = GroupConsumer(connection, MONITOR_GROUP, PREDICTIONS, _SETTINGS, self._fail)
        self._consumer = self._group.client
        self._group.subscribe(self._on_assign, self._on_removed, self._on_removed)

    def poll(self, stop: threading.Event) -> None:
        """Take the available events into the window, as many as it has room for.

        Raises RefusedError or ConsumerError on an error that waiting does not fix, OutageError if a
        new stream may continue, TopicRecreatedError, WindowOrderError.
        """
        if self._failure:
            raise self._failure
        self._changes.take_new_partitions()  # the group assigns them
        limit = min(_BATCH, max(self.windows.window.remaining, 1))
        try:
            messages, is_stale, _ = self._group.poll(limit)
        except ConsumerError:
            self._changes.await_missing(stop)  # the topic may be on its way to be recreated
            raise
        if messages and is_stale:
            self.rewind(stop)
        elif messages:
            positions, rows, skipped = self._decoder.decode(messages)
            self._on_skipped(skipped)
            self.windows.add(positions, rows, get_event_times(rows))
            self._idle.mark_active({message.partition() for message in messages})
        self._idle.update(self._check_cluster)
        self.windows.advance(self._idle.active)
        self._hold()

    @property
    def ready(self) -> bool:
        """Return whether the group has assigned partitions, even none, and a live coordinator."""
        return self._group.ready

    @property
    def idle(self) -> bool:
        """Return whether all partitions are idle, so that no more events are expected."""
        return not self._idle.active

    def _fail(self, failure: RefusedError | OutageError) -> None:
        self._failure = self._failure or failure

    def _hold(self) -> None:
        """Pause the partitions whose next events belong to the next window, resume the others."""
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

    def ignore_offsets_except(self, partitions: set[int]) -> None:
        """Read all other partitions from their beginning: their offsets are of another topic."""
        self._committed = partitions

    def open_window(self) -> None:
        """Open the next window, after the last one is committed."""
        if self._committed is not None:
            self._committed |= self.windows.window.offsets.keys()
        self.windows.open_next()
        self._idle.restart_timers()

    def rewind(self, stop: threading.Event) -> None:
        """Drop the open window, which will not be committed, and read its events again."""
        self.windows.clear()
        self._idle.restart_timers()
        owned = self._consumer.assignment()
        if not owned:
            return
        positions = retry_until(
            stop, lambda: find_committed(self._consumer, owned, _LOOKUP_S), self._log_retry
        )
        if positions is None:
            return
        for position in positions:
            if position.offset < 0 or not self._is_committed(position):
                position.offset = OFFSET_BEGINNING
        self._paused = None
        self._consumer.incremental_unassign(owned)
        self._consumer.incremental_assign(positions)

    def _log_retry(self, error: KafkaError) -> None:
        log.warning("%s: %s, trying again", self._group.topic, error.str())

    def _check_cluster(self) -> bool:
        """Return whether the broker answers, so that silence means there is nothing to read."""
        try:
            self._consumer.list_topics(self._group.topic, timeout=_LOOKUP_S)
        except KafkaException:
            return False
        return True

    def get_group_metadata(self) -> Any:
        """Return the proof of membership that one transaction needs; take a fresh one for each."""
        return self._consumer.consumer_group_metadata()

    def close(self) -> None:
        """Leave the group; the next member reads the open window again."""
        self._consumer.close()

    def _is_committed(self, partition: TopicPartition) -> bool:
        return self._committed is None or partition.partition in self._committed

    def _on_assign(self, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            if not self._is_committed(partition):
                partition.offset = OFFSET_BEGINNING
        self._consumer.incremental_assign(partitions)
        self._paused = None
        self._idle.mark_active({partition.partition for partition in partitions})

    def _on_removed(self, partitions: list[TopicPartition]) -> None:
        removed = {partition.partition for partition in partitions}
        self.windows.drop(removed)
        self._idle.forget(removed)
