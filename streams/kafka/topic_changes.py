"""Notices new partitions and recreated topics, for readers that no consumer group tells."""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from threading import Event
from time import monotonic

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, TopicDescription

from streams.kafka.connection import Connection
from streams.kafka.errors import TopicMissingError, TopicRecreatedError
from streams.kafka.topic_ids import DescribedTopic, describe_topics, read_description

log = logging.getLogger(__name__)

LOOK_EVERY_S = 10.0
RECREATED_WITHIN_S = 30.0
"""A topic that is gone for longer is not being recreated."""
_TIMEOUT_S = 30.0
_PAUSE_S = 0.5


class TopicChanges:
    """Looks at topics every LOOK_EVERY_S. Only the first look, when it is made, waits for Kafka.

    Create it before looking up offsets, so that no change goes unnoticed. Raises TopicMissingError,
    KafkaException. `clock`: monotonic seconds.
    """

    def __init__(
        self, connection: Connection, *topics: str, clock: Callable[[], float] = monotonic
    ) -> None:
        self._names = {connection.qualify(topic): topic for topic in topics}
        self._admin = AdminClient(connection.make_client_config())
        self._clock = clock
        self._looked_at = clock()
        self._answers: dict[str, Future[TopicDescription]] = {}
        seen = {name: read_description(answer) for name, answer in self._ask().items()}
        missing = [name for name, topic in seen.items() if topic is None]
        if missing:
            raise TopicMissingError(missing)
        self._seen = {name: topic for name, topic in seen.items() if topic is not None}
        self._missing: set[str] = set()

    def topic_id(self, topic: str) -> str:
        """Return the id that a topic had at the first look."""
        return {self._names[name]: seen.topic_id for name, seen in self._seen.items()}[topic]

    def partitions(self, topic: str) -> list[int]:
        """Return the partitions of a topic, without those that are yet to be taken."""
        known = {self._names[name]: seen.partitions for name, seen in self._seen.items()}
        return sorted(known[topic])

    def take_new_partitions(self) -> dict[str, list[int]]:
        """Return the partitions that topics have got since the last call, by topic.

        Returns at once: a later call has the result of the look. While no broker answers, and while
        a topic is missing, nothing is new. Raises TopicRecreatedError.
        """
        now = self._clock()
        if not self._answers and now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self._answers = self._ask()
        if not self._answers or not all(answer.done() for answer in self._answers.values()):
            return {}
        answers = self._answers
        self._answers = {}
        try:
            found = {name: read_description(answer) for name, answer in answers.items()}
        except KafkaException as error:  # an outage, which the reader reports itself
            log.debug("the topics were not looked at: %s", error)
            return {}
        self._report_missing({name for name, topic in found.items() if topic is None})
        return dict(filter(None, (self._compare(name, topic) for name, topic in found.items())))

    def await_missing(self, stop: Event) -> None:
        """Return once no topic is missing, after RECREATED_WITHIN_S, or once `stop` is set.

        Raises TopicRecreatedError, KafkaException.
        """
        deadline = self._clock() + RECREATED_WITHIN_S
        while not stop.is_set() and self._clock() < deadline:
            found = {name: read_description(answer) for name, answer in self._ask().items()}
            for name, topic in found.items():
                self._compare(name, topic)
            if None not in found.values():
                return
            stop.wait(_PAUSE_S)

    def _ask(self) -> dict[str, Future[TopicDescription]]:
        return describe_topics(self._admin, self._names, _TIMEOUT_S)

    def _report_missing(self, missing: set[str]) -> None:
        for name in missing - self._missing:
            log.warning("the topic %s is gone; waiting for it", name)
        self._missing = missing

    def _compare(self, name: str, found: DescribedTopic | None) -> tuple[str, list[int]] | None:
        seen = self._seen[name]
        if found is None:
            return None
        if found.topic_id != seen.topic_id:
            raise TopicRecreatedError.of(name, seen.topic_id, found.topic_id)
        new = found.partitions - seen.partitions
        if not new:
            return None
        self._seen[name] = found
        log.warning("%s has new partitions, read from now on: %s", name, sorted(new))
        return self._names[name], sorted(new)
