"""The consumer's thread: polls batches, hands them over, and answers rebalances.

Only this thread uses the consumer: `consumer_group_metadata()` from another one would wait for this
one's poll (measured: 9 s). A batch holds whatever is there, 1 to MAX_BATCH records. The thread
polls only while the next stages have room, so a slow commit makes batches larger instead of
queueing them.
"""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from confluent_kafka import Message, TopicPartition

from streams.kafka.group_consumer import GROUP_SETTINGS
from streams.scorer.batch import MAX_IN_FLIGHT, Batch, InFlight
from streams.scorer.group_positions import GroupPositions

# Scoring this many records takes about as long as a commit (10 us each, 10 ms); only then is it
# worth doing both at once. A smaller batch would wait behind the previous commit for longer than if
# it had been polled after it (docs/decisions/0006).
_MIN_OVERLAPPED_BATCH = 1024
_WAIT_S = 0.1
_LAG_EVERY_S = 1.0

CONSUMER_SETTINGS: dict[str, Any] = GROUP_SETTINGS | {
    # `error`: a missing offset is a loss to report, not to skip. GroupPositions looks up the start
    # of a new group.
    "auto.offset.reset": "error",
    "heartbeat.interval.ms": 1500,
    "queued.max.messages.kbytes": 32 * 1024,
    "fetch.wait.max.ms": 100,
}


class BatchConsumer(threading.Thread):
    """Reads `transactions` as a member of the group `fraud-scorer`, in batches.

    `deliver` takes each batch. `on_failure` takes the error that ends the thread early. `on_lag`
    takes, once a second, (the offset before which nothing is left to score, the high watermark) of
    each partition owned. `take_offsets_to_commit` returns the offsets that this thread has to
    commit, by partition: none with transactions.
    """

    def __init__(
        self,
        positions: GroupPositions,
        in_flight: InFlight,
        deliver: Callable[[Batch], None],
        on_failure: Callable[[BaseException], None],
        on_lag: Callable[[dict[int, tuple[int, int]]], None],
        take_offsets_to_commit: Callable[[], dict[int, int]] = dict,
    ) -> None:
        super().__init__(name="consumer", daemon=True)
        self._positions = positions
        self._group = positions.group
        self._consumer = positions.group.client
        self._in_flight = in_flight
        self._deliver = deliver
        self._on_failure = on_failure
        self._on_lag = on_lag
        self._take_offsets_to_commit = take_offsets_to_commit
        self._done: dict[int, int] = {}
        self._stopping = threading.Event()
        self._epoch = in_flight.epoch
        self._number = 0
        self._size = 0  # of the last batch
        self._lag_at = 0.0
        self._delivered = 0  # batches, of all epochs
        # the count of delivered batches at the last look at the positions, and these positions
        self._last_positions: tuple[int, dict[int, int]] = (0, {})
        # partition -> the offset before which nothing is left to do, transaction markers included
        self._committed_positions: dict[int, int] = {}

    @property
    def ready(self) -> bool:
        """Whether the thread runs and has its share of the partitions (perhaps none)."""
        return self.is_alive() and self._group.ready

    def stop(self) -> None:
        """Stop polling, let the batches in flight finish, leave the group.

        Returns at once: join the thread.
        """
        self._stopping.set()

    def run(self) -> None:
        """Run the thread."""
        try:
            self.subscribe()
            while not self._stopping.is_set():
                self._run_once()
            self._drain()
            self._commit_done(everything=True)
        except BaseException as error:  # ends the thread; `on_failure` reports it
            self._on_failure(error)
        finally:
            self._consumer.close()

    def subscribe(self) -> None:
        """Join the group."""
        self._group.subscribe(self._on_assign, self._on_revoke, self._on_lost)

    def _run_once(self) -> None:
        self._commit_done()
        if self._epoch != self._in_flight.epoch:
            self._rewind()
        most = MAX_IN_FLIGHT if self._size >= _MIN_OVERLAPPED_BATCH else 1
        if not self._in_flight.wait_for_capacity(_WAIT_S, most):
            return
        records, is_stale, out_of_range = self._group.poll(self._in_flight.most_records)
        if is_stale and records:
            self._rewind()
        elif records:
            self._size = len(records)
            self._hand_over(records)
        if out_of_range is not None:
            self._drain()
            self._commit_done(everything=True)
            raise self._positions.explain_out_of_range(out_of_range, self._done)
        self._report_lag()

    def _hand_over(self, records: list[Message]) -> None:
        batch = Batch(self._epoch, self._number, records, self._consumer.consumer_group_metadata())
        self._number += 1
        self._delivered += 1
        self._in_flight.add()
        self._deliver(batch)

    def _rewind(self) -> None:
        """Wait for the batches in flight, then start a new epoch at the committed offsets."""
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
        """Wait until every batch in flight is committed, aborted or, at the end, given up.

        That may outlast a broker's outage.
        """
        while not self._in_flight.wait_until_empty(_WAIT_S):
            pass

    def _commit_done(self, everything: bool = False, wait: bool = False) -> None:
        """Commit the offsets that `take_offsets_to_commit` returns.

        `everything` commits again whatever was done, one last time, because a failure may have gone
        unnoticed. `wait` is for a revocation alone (see GroupPositions.commit).
        """
        taken = self._take_offsets_to_commit()
        self._done |= taken
        offsets = self._done if everything else taken
        if offsets:
            self._positions.commit(offsets, wait)

    def _assign(self, partitions: list[TopicPartition]) -> None:
        self._positions.assign(partitions, self._done)
        self._last_positions = (self._delivered, {})
        self._committed_positions = {}

    def _on_assign(self, partitions: list[TopicPartition]) -> None:
        if partitions:
            self._assign(partitions)
        else:
            self._consumer.incremental_assign([])

    def _on_revoke(self, partitions: list[TopicPartition]) -> None:
        """Wait until what is in flight is committed or aborted, before another member reads on."""
        self._drain()
        if not self._stopping.is_set():  # `run` commits everything itself before it closes
            self._commit_done(everything=True, wait=True)
        self._done = {}
        self._consumer.incremental_unassign(partitions)

    def _on_lost(self, partitions: list[TopicPartition]) -> None:
        """Drop everything in flight, and whatever is done while it ends.

        The partitions already belong to another member, so nothing may be committed.
        """
        self._in_flight.end_epoch()
        self._drain()
        self._take_offsets_to_commit()
        self._done = {}
        self._consumer.incremental_unassign(partitions)

    def _report_lag(self) -> None:
        if monotonic() - self._lag_at < _LAG_EVERY_S:
            return
        self._lag_at = monotonic()
        owned = self._consumer.assignment()
        self._update_positions(owned)
        ranges = {}
        for position in owned:
            low, high = self._consumer.get_watermark_offsets(position, cached=True)
            if high >= 0:  # unknown before the first fetch
                number = position.partition
                start = max(
                    self._positions.starts[number], self._committed_positions.get(number, low), low
                )
                ranges[number] = (start, high)
        self._on_lag(ranges)

    def _update_positions(self, owned: list[TopicPartition]) -> None:
        """Adopt the positions of the last look once all batches up to it are committed; look again.

        The last entry of a partition may be a transaction marker or an aborted record, which no
        batch holds; `position()` is beyond them (measured, librdkafka 2.16). Only the lag uses
        this. Commits use the offsets of the batches.
        """
        delivered, positions = self._last_positions
        done = self._delivered - self._in_flight.count
        # the epoch is compared last: an epoch ends before its batches leave the count
        if done >= delivered and self._epoch == self._in_flight.epoch:
            self._committed_positions = positions
            places = self._consumer.position(owned)
            current = {place.partition: place.offset for place in places if place.offset >= 0}
            self._last_positions = (self._delivered, current)
