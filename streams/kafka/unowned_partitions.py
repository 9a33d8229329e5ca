"""Finds the partitions of a topic that no member of a consumer group reads."""

import logging
import threading
from collections.abc import Mapping

from confluent_kafka import KafkaException

from streams.kafka.cluster import Cluster
from streams.kafka.errors import ReadingError

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 10.0


class UnownedPartitions(threading.Thread):
    """A thread that looks at a topic and a group every _LOOK_EVERY_S, until `stop` is set.

    `ranges`: the first offset and the end of each partition that no member owned at the last look.
    Looks while the group rebalances, or while no broker answers, change nothing.
    """

    def __init__(self, cluster: Cluster, group: str, topic: str, stop: threading.Event) -> None:
        super().__init__(name="unowned", daemon=True)
        self._cluster = cluster
        self._group = group
        self._topic = topic
        self._stop_asked = stop
        self.ranges: Mapping[int, tuple[int, int]] = {}

    def run(self) -> None:
        """Run the thread."""
        while not self._stop_asked.wait(_LOOK_EVERY_S):
            try:
                self._look()
            except (KafkaException, ReadingError) as error:  # others report it
                log.debug("%s was not looked at: %s", self._group, error)

    def _look(self) -> None:
        [partitions] = self._cluster.list_partitions(self._topic).values()
        owned = self._cluster.find_owned(self._group, self._topic)
        if owned is None:
            return
        unowned = [number for number in partitions if number not in owned]
        if not unowned:
            self.ranges = {}
            return
        if set(unowned) - self.ranges.keys():
            log.warning("no member of %s reads %s of %s", self._group, unowned, self._topic)
        first = self._cluster.find_earliest(self._topic, unowned)
        end = self._cluster.find_end(self._topic, unowned)
        self.ranges = {number: (first[number], end[number]) for number in unowned}
