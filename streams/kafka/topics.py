"""Declares the topics: names, partitions and settings. streams.kafka.topic_admin creates them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from streams.kafka.topic_settings import (
    BROKER_TIME,
    Setting,
    at_least,
    exactly,
    in_sync,
    unlimited,
)

TRANSACTIONS = "transactions"
PREDICTIONS = "predictions"
ALERTS = "alerts"
DEAD_LETTERS = "transactions.dlq"
LABELS = "labels"
DRIFT_EVENTS = "drift.events"
HISTORY = "history"

SCORER_GROUP = "fraud-scorer"
MONITOR_GROUP = "fraud-monitor"
REDRIVE_TRANSACTIONAL_ID = "fraud-redrive"

PARTITIONS = 8
_DAY_MS = 24 * 3600 * 1000
# Kafka's default limit. A dead letter is a record of `transactions` with additional headers.
MAX_RECORD_BYTES = 1_048_588
DEAD_LETTER_EXTRA_BYTES = 64 * 1024
# Of the messages made from a transaction, an alert is the largest; it repeats the transaction. The
# rest of its record (fields, key, batch overhead) takes at most 3 KB without `features`
# (tests/unit/streams/kafka/test_sizes.py), and each of these takes at most 24 bytes.
_ENVELOPE_BYTES = 16_384
MAX_SCORED_BYTES = MAX_RECORD_BYTES - _ENVELOPE_BYTES
"""The upper limit of `--max-bytes`.

The prediction and alert of a larger transaction may not fit.
"""


@dataclass(frozen=True)
class Topic:
    """One declared topic.

    `partitions` None means as many as `transactions` has. `is_input`: others than this system write
    to it, so its records have the broker's time: a sender's wrong clock could make them expire
    unread.
    """

    name: str
    retention_ms: int
    max_record_bytes: int = MAX_RECORD_BYTES
    partitions: int | None = None
    is_input: bool = False

    def settings(self, replicas: int) -> tuple[Setting, ...]:
        """Return the declared settings of the topic with that many replicas of a partition."""
        return (
            exactly("cleanup.policy", "delete"),
            at_least("retention.ms", self.retention_ms),
            unlimited("retention.bytes"),
            self._size_setting(),
            in_sync(replicas),
            exactly("unclean.leader.election.enable", "false"),
            *((BROKER_TIME,) if self.is_input else ()),
        )

    def preferences(self) -> tuple[Setting, ...]:
        """Return the settings with which the topic is created, but which it may lack.

        Uncompressed, so that the size limit applies to the record's own bytes: with compression the
        broker accepts a transaction of 5 MB that fits no dead letter, and one of 150 MB that no
        client can read; either stops the scorer. A client's batch may then hold MAX_RECORD_BYTES
        before compression.
        """
        return (exactly("compression.type", "uncompressed"),) if self.name == TRANSACTIONS else ()

    def config(self, replicas: int = 1) -> dict[str, str]:
        """Return the settings with which the topic is created."""
        declared = *self.settings(replicas), *self.preferences()
        return {setting.name: setting.declared for setting in declared}

    def _size_setting(self) -> Setting:
        # a larger transaction fits no dead letter
        declare = exactly if self.name == TRANSACTIONS else at_least
        return declare("max.message.bytes", self.max_record_bytes)


TOPICS = (
    Topic(TRANSACTIONS, 7 * _DAY_MS, is_input=True),
    Topic(PREDICTIONS, 7 * _DAY_MS),
    Topic(ALERTS, 30 * _DAY_MS),
    Topic(DEAD_LETTERS, 30 * _DAY_MS, MAX_RECORD_BYTES + DEAD_LETTER_EXTRA_BYTES),
    Topic(LABELS, 90 * _DAY_MS, is_input=True),
    Topic(DRIFT_EVENTS, 90 * _DAY_MS, partitions=1),
    Topic(HISTORY, 45 * _DAY_MS),  # as the built-in schema `cards` needs it
)
BY_NAME: Mapping[str, Topic] = MappingProxyType({topic.name: topic for topic in TOPICS})
OUTCOMES = (PREDICTIONS, DEAD_LETTERS)
"""One of these has a record for each of `transactions` that was handled."""


def declare_topics(horizon_ms: int) -> tuple[Topic, ...]:
    """Return TOPICS for a schema whose features look back `horizon_ms`; 0 if it has no history.

    A payment may wait as long as `transactions` is kept, and still needs the history before it.
    """
    if not horizon_ms:
        return TOPICS
    kept_ms = horizon_ms + BY_NAME[TRANSACTIONS].retention_ms
    others = (topic for topic in TOPICS if topic.name != HISTORY)
    return (*others, replace(BY_NAME[HISTORY], retention_ms=kept_ms))
