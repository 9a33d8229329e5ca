"""Which `transactions` the scorer reads: by its id, not only by its name."""

import logging
import threading
from collections.abc import Callable, Iterable
from time import monotonic

from confluent_kafka import KafkaException, TopicPartition

from streams.kafka.cluster import Cluster
from streams.kafka.connection import Connection
from streams.kafka.errors import TopicMissingError, TopicRecreatedError
from streams.kafka.topic_admin import make_reset_command
from streams.kafka.topic_ids import TopicEpoch
from streams.kafka.topics import (
    ALERTS,
    DEAD_LETTERS,
    OUTCOMES,
    PREDICTIONS,
    SCORER_GROUP,
    TRANSACTIONS,
)

log = logging.getLogger(__name__)

SCORER_TOPICS = (TRANSACTIONS, PREDICTIONS, ALERTS, DEAD_LETTERS)
# What is read of a recreated topic in this time is scored twice. A check costs about 1 ms of CPU.
_CHECK_EVERY_S = 1.0
_MISSING_S = 5.0  # a topic that is missing for longer is not on its way to be recreated


class TopicWatch(threading.Thread):
    """Compares topic ids: of committed offsets with the topic's, of topics with the first ones.

    After `open`, the thread checks the scorer's topics every _CHECK_EVERY_S until `stop` is set;
    `on_failure` takes the error that ends it. The other methods are for the consumer's thread.

    librdkafka (2.16) does not report that a topic was recreated: it goes on at its old position,
    and skips whatever the new topic has before it (measured).
    """

    def __init__(
        self,
        connection: Connection,
        cluster: Cluster,
        stop: threading.Event,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        super().__init__(name="topics", daemon=True)
        self._connection = connection
        self._cluster = cluster
        self._stop_event = stop
        self._on_failure = on_failure
        self._ids: dict[str, str] = {}
        self.metadata: dict[int, str] = {}
        """What to commit with the offsets of each partition."""

    def open(self) -> None:
        """Look at the topics for the first time. Raises TopicMissingError, KafkaException."""
        self._ids = self._find_ids()

    def run(self) -> None:
        """Run the thread."""
        missing_since: float | None = None
        while not self._stop_event.wait(_CHECK_EVERY_S):
            try:
                self.compare()
                missing_since = None
            except KafkaException as error:
                log.debug("the topics were not checked: %s", error)  # an outage: others report it
            except BaseException as error:
                missing_since = missing_since or monotonic()
                is_missing = isinstance(error, TopicMissingError)
                if not is_missing or monotonic() - missing_since > _MISSING_S:
                    self._on_failure(error)
                    return

    def compare(self) -> None:
        """Look at all topics now. Raises TopicRecreatedError, TopicMissingError, KafkaException."""
        for name, topic_id in self._find_ids().items():
            if topic_id != self._ids[name]:
                raise self._recreated(name, self._ids[name], topic_id)

    def check_committed(self, committed: Iterable[TopicPartition]) -> None:
        """Check that committed offsets, -1001 for none, are offsets of this `transactions`.

        Raises as `compare` does.
        """
        self.compare()
        current = self._ids[TRANSACTIONS]
        for position in committed:
            epoch = TopicEpoch.decode(position.metadata)
            if epoch is not None and epoch.topic_id != current:
                raise self._recreated(TRANSACTIONS, epoch.topic_id, current)
        is_new = any(
            position.offset < 0 and position.partition not in self.metadata
            for position in committed
        )
        if is_new and self._has_lost_offsets():
            raise TopicRecreatedError.without_offsets(
                self._connection.qualify(TRANSACTIONS),
                self._connection.qualify(SCORER_GROUP),
                current,
                self._advice(TRANSACTIONS),
            )

    def begin(self, positions: Iterable[TopicPartition]) -> None:
        """Begin an epoch at each position that was committed without one. Raises KafkaException."""
        new = []
        for position in positions:
            if TopicEpoch.decode(position.metadata) is not None:
                self.metadata[position.partition] = position.metadata
            elif position.partition not in self.metadata:
                new.append(position)
        ends = self._find_output_ends() if new else {}
        for position in new:
            epoch = TopicEpoch(self._ids[TRANSACTIONS], position.offset, ends)
            self.metadata[position.partition] = epoch.encode()

    def _find_ids(self) -> dict[str, str]:
        ids = self._cluster.find_ids(*SCORER_TOPICS)
        missing = [self._connection.qualify(name) for name in SCORER_TOPICS if name not in ids]
        if missing:
            raise TopicMissingError(missing)
        return ids

    def _has_lost_offsets(self) -> bool:
        """Return whether there are outputs, but the group has no offset in any partition.

        Kafka deletes a topic's committed offsets with it. A new group commits the offsets at which
        it starts before it writes any output.
        """
        if not self._find_output_ends():
            return False
        [partitions] = self._cluster.list_partitions(TRANSACTIONS).values()
        return not self._cluster.find_committed(SCORER_GROUP, TRANSACTIONS, partitions)

    def _find_output_ends(self) -> dict[str, list[int]]:
        ends = {name: self._cluster.find_high_watermarks(name) for name in OUTCOMES}
        return {
            name: [offset for _, offset in sorted(offsets.items())]
            for name, offsets in ends.items()
            if any(offsets.values())
        }

    def _recreated(self, name: str, old: str, new: str) -> TopicRecreatedError:
        return TopicRecreatedError.of(self._connection.qualify(name), old, new, self._advice(name))

    def _advice(self, name: str) -> str:
        if name != TRANSACTIONS:
            return (
                "What the old one held is gone, and `fraud ledger` reports it as lost. "
                "To go on, start the scorer again"
            )
        reset = make_reset_command(
            self._connection,
            self._connection.qualify(SCORER_GROUP),
            self._connection.qualify(TRANSACTIONS),
            "--to-earliest",
        )
        return (
            "Records of the old topic that were not scored are gone; none of the new one counts as "
            "scored. To score the new topic from its beginning, stop all scorers, run "
            f"`{reset}`, and start them again"
        )
