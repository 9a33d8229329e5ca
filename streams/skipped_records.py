"""The metric and the log of records that cannot be decoded, shared by the monitor and the API."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from time import monotonic

from confluent_kafka import Message
from prometheus_client import CollectorRegistry, Counter

from payments.records import describe_error

_LOG_EVERY_S = 60.0


def count_skipped_records(registry: CollectorRegistry, topics: Iterable[str]) -> Counter:
    """Declare the counter, with a series for each of `topics`, named without the prefix."""
    counter = Counter(
        "fraud_skipped_records_total",
        "Records read by this process that cannot be decoded and were skipped",
        ["topic"],
        registry=registry,
    )
    for topic in topics:  # a series that began with its first record would hide it from increase()
        counter.labels(topic)
    return counter


class SkippedRecordLog:
    """Logs records that their topic should not hold, at most once a minute for each topic.

    A line never quotes a record: anyone may write one, with a card number or 300 kB in it.
    """

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = monotonic) -> None:
        self._log = log
        self._clock = clock
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._totals: defaultdict[str, int] = defaultdict(int)
        self._due: dict[str, float] = {}

    def add(self, message: Message, error: Exception) -> None:
        """Count a record, whose decoder raised `error`, and log if a line is due."""
        topic = message.topic() or ""
        self._counts[topic] += 1
        now = self._clock()
        if now < self._due.get(topic, now):
            return
        self._due[topic] = now + _LOG_EVERY_S
        count = self._counts.pop(topic)
        self._totals[topic] += count
        self._log.warning(
            "skipped %d record%s of %s (%d since the start), the last at partition %d offset %d: "
            "%s",
            count,
            "" if count == 1 else "s",
            topic,
            self._totals[topic],
            message.partition(),
            message.offset(),
            describe_error(error),
        )
