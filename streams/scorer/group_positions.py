"""The offsets of the group `fraud-scorer`: where its partitions start, and what it commits."""

import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

from confluent_kafka import KafkaException, TopicPartition

from streams.kafka.cluster import find_committed
from streams.kafka.errors import LostRangeError, OutageError, is_transient
from streams.kafka.group_consumer import GroupConsumer
from streams.kafka.retry import retry_for
from streams.kafka.topic_admin import make_reset_command
from streams.kafka.topics import SCORER_GROUP
from streams.scorer.history_keeper import HistoryKeeper
from streams.scorer.topic_watch import TopicWatch

log = logging.getLogger(__name__)

_LOOKUP_S = 30.0

Answer = TypeVar("Answer")


def _ask(call: Callable[[], Answer]) -> Answer:
    """Return the cluster's answer.

    Raises KafkaException; OutageError if none comes for _LOOKUP_S.
    """
    try:
        return retry_for(_LOOKUP_S, call)
    except KafkaException as error:
        if not is_transient(error):
            raise
        raise OutageError(f"no answer for {_LOOKUP_S:.0f} s: {error.args[0].str()}") from None


class GroupPositions:
    """Where one member of the group reads, and the commits of its own client.

    Only the consumer's thread may use it. `starts` holds the first offset that this member read,
    by partition. `history`, if the schema has one, holds partitions back.
    """

    def __init__(
        self, group: GroupConsumer, watch: TopicWatch, history: HistoryKeeper | None = None
    ) -> None:
        self.group = group
        self._history = history
        self._client = group.client
        self._watch = watch
        self.starts: dict[int, int] = {}

    def assign(self, partitions: list[TopicPartition], done: Mapping[int, int]) -> None:
        """Read partitions from their committed offsets, or from the beginning if there are none.

        `done` holds later offsets, of records that need not be read again. Raises
        TopicRecreatedError, HistoryGapError, OutageError, KafkaException.
        """
        positions = self._find_committed(partitions)
        new = {position.partition for position in positions if position.offset < 0}
        new -= self.starts.keys()
        self._complete(positions, done)
        _ask(lambda: self._watch.begin(positions))
        first = {one.partition: one.offset for one in positions if one.partition in new}
        if first:
            # before any output, or a restart could not tell a new group from one whose offsets
            # were deleted; and waiting, because this must not overtake the commit of a batch
            self.commit(first, wait=True)
        self.starts |= {position.partition: position.offset for position in positions}
        is_ready = self._history is None or self._history.wait_until_ready(
            {position.partition: position.offset for position in positions},
            {position.partition: self._find_watermarks(position)[0] for position in positions},
        )
        self._client.incremental_assign(positions if is_ready else [])

    def commit(self, offsets: Mapping[int, int], wait: bool = False) -> None:
        """Commit the next offset by partition; a failure is logged.

        Without `wait`, it goes unnoticed. `wait` is for rebalance callbacks alone: anywhere else, a
        commit that waits would never end while the group rebalances, because this thread has to
        answer the rebalance.
        """
        metadata = self._watch.metadata
        places = [
            TopicPartition(self.group.topic, partition, offset, metadata.get(partition, ""))
            for partition, offset in offsets.items()
        ]
        try:
            self._client.commit(offsets=places, asynchronous=not wait)
        except KafkaException as error:
            # the next owner scores these records again, which at-least-once allows
            log.warning("offsets were not committed: %s", error.args[0].str())

    def explain_out_of_range(self, partition: int, done: Mapping[int, int]) -> LostRangeError:
        """Return which offsets are lost, after the next one of this partition was not in the log.

        Raises as `assign` does.
        """
        [position] = self._find_committed([TopicPartition(self.group.topic, partition)])
        self._complete([position], done)
        offset = position.offset
        low, high = self._find_watermarks(position)
        # deleted by retention, or cut off at the end
        first, end, remaining = (offset, low, low) if offset < low else (high, offset, high)
        connection = self.group.connection
        reset = make_reset_command(
            connection,
            connection.qualify(SCORER_GROUP),
            f"{self.group.topic}:{partition}",
            f"--to-offset {remaining}",
        )
        return LostRangeError(
            f"partition {partition} of {self.group.topic}: next to read is {offset}, "
            f"but the log holds {low} to {high - 1}; offsets {first} to {end - 1} are lost. "
            f"To go on without them, stop all scorers, run `{reset}`, and start them again"
        )

    def _find_committed(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        committed = _ask(lambda: find_committed(self._client, partitions, _LOOKUP_S))
        _ask(lambda: self._watch.check_committed(committed))
        return committed

    def _complete(self, positions: list[TopicPartition], done: Mapping[int, int]) -> None:
        """Set the offset of each position that has none.

        The beginning is the one at the first look: whatever is deleted later without being read is
        lost.
        """
        for position in positions:
            number = position.partition
            if position.offset < 0 and number in self.starts:
                position.offset = self.starts[number]
            elif position.offset < 0:
                position.offset = self._find_watermarks(position)[0]
            position.offset = max(position.offset, done.get(number, position.offset))

    def _find_watermarks(self, partition: TopicPartition) -> tuple[int, int]:
        """Return the first offset that the log holds, and the one after the last."""
        watermarks: tuple[int, int] = _ask(
            lambda: self._client.get_watermark_offsets(partition, timeout=_LOOKUP_S)
        )
        return watermarks
