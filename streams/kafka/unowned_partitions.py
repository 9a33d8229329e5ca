"""Finds the partitions of a topic that no member of a consumer group reads."""

import logging
import threading
from collections.abc import Mapping

from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient

from streams.kafka.cluster import Cluster
from streams.kafka.connection import Connection
from streams.kafka.errors import ReadingError

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 10.0
_TIMEOUT_S = 30.0


class UnownedPartitions(threading.Thread):
    """A thread that looks at a topic and a group every _LOOK_EVERY_S, until `stop` is set.

    `ranges`: the first offset and the end of each partition that no member owned at the last look.
    Looks while the group rebalances, or while no broker answers, change nothing.
    """

    def __init__(
        self, connection: Connection, group: str, topic: str, stop: threading.Event
    ) -> None:
        super().__init__(name="unowned", daemon=True)
        self._cluster = Cluster(connection)
        self._admin = AdminClient(connection.make_client_config())
        self._group = connection.full_name(group)
        self._full_topic = connection.full_name(topic)
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
        answers = self._admin.describe_consumer_groups([self._group], request_timeout=_TIMEOUT_S)
        group = answers[self._group].result()
        if group.state != ConsumerGroupState.STABLE:
            return
        owned = {
            place.partition
            for member in group.members
            for place in member.assignment.topic_partitions
            if place.topic == self._full_topic
        }
        unowned = [number for number in partitions if number not in owned]
        if not unowned:
            self.ranges = {}
            return
        if set(unowned) - self.ranges.keys():
            log.warning("no member of %s reads %s of %s", self._group, unowned, self._full_topic)
        first = self._cluster.find_earliest(self._topic, unowned)
        end = self._cluster.find_end(self._topic, unowned)
        self.ranges = {number: (first[number], end[number]) for number in unowned}
