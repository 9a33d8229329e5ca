"""One member of a consumer group: its client, its rebalances and the errors that it reports."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from streams.kafka.connection import FIXED, Connection
from streams.kafka.coordinator_health import CoordinatorHealth
from streams.kafka.errors import (
    OutageError,
    RefusedError,
    classify_consumer_error,
    classify_refusal,
)
from streams.kafka.reader import poll_batch

log = logging.getLogger(__name__)

GROUP_SETTINGS: dict[str, Any] = {
    "partition.assignment.strategy": FIXED["partition.assignment.strategy"],
    # Within this time members notice new partitions, and share them. The default is 5 minutes.
    "topic.metadata.refresh.interval.ms": 10_000,
    "session.timeout.ms": 6000,
    # a consumer faster than its fetches stalled up to 1 s each time its queue filled
    "fetch.queue.backoff.ms": 5,
}
_POLL_S = 0.1

OnRebalance = Callable[[list[TopicPartition]], None]


class Poll(NamedTuple):
    """The result of one poll.

    `is_stale`: the group rebalanced during the poll. Any of `records` may belong to another member
    by now, and nothing says which: read again from the committed offsets. `out_of_range`: a
    partition whose next offset is not in the log, if `auto.offset.reset` is `error`.
    """

    records: list[Message]
    is_stale: bool
    out_of_range: int | None


class OpenTransaction(NamedTuple):
    """A partition with a transaction that is still open at offset `begin`; the log has `end`."""

    begin: int
    end: int


class GroupConsumer:
    """A member of `group` that reads `topic`. Only the thread that polls may use it.

    `on_failure` gets the errors that the client itself cannot recover from; it is called inside
    `poll`.
    """

    def __init__(
        self,
        connection: Connection,
        group: str,
        topic: str,
        settings: Mapping[str, Any],
        on_failure: Callable[[RefusedError | OutageError], None],
        client: Callable[[dict[str, Any]], Consumer] = Consumer,
    ) -> None:
        self.topic = connection.qualify(topic)
        self.connection = connection
        self._on_failure = on_failure
        self._health = CoordinatorHealth(on_failure)
        self._rebalances = 0
        self._is_assigned = False
        callbacks = self._health.settings | {"error_cb": self._on_client_error}
        self.client = client(connection.make_reader_config(group, dict(settings) | callbacks))

    @property
    def ready(self) -> bool:
        """Whether the group has assigned partitions (perhaps none) and the coordinator is up."""
        return self._is_assigned and self._health.is_up

    def find_open_transactions(self) -> dict[int, OpenTransaction]:
        """Return the partitions whose committed records end before the log does."""
        topics = self._health.statistics.get("topics", {})
        partitions = topics.get(self.topic, {}).get("partitions", {})
        return {
            int(number): OpenTransaction(partition["ls_offset"], partition["hi_offset"])
            for number, partition in partitions.items()
            if 0 <= partition["ls_offset"] < partition["hi_offset"]
        }

    def subscribe(
        self, on_assign: OnRebalance, on_revoke: OnRebalance, on_lost: OnRebalance
    ) -> None:
        """Join the group. The callbacks run inside `poll` and `close`."""

        def count(callback: OnRebalance) -> Callable[[Consumer, list[TopicPartition]], None]:
            def rebalance(_: Consumer, partitions: list[TopicPartition]) -> None:
                self._rebalances += 1
                callback(partitions)

            return rebalance

        def assign(partitions: list[TopicPartition]) -> None:
            on_assign(partitions)
            self._is_assigned = True

        self.client.subscribe(
            [self.topic],
            on_assign=count(assign),
            on_revoke=count(on_revoke),
            on_lost=count(on_lost),
        )

    def poll(self, limit: int) -> Poll:
        """Return up to `limit` records. Raises ConsumerError, RefusedError."""
        rebalances = self._rebalances
        records = []
        out_of_range = None
        for message in poll_batch(self.client, limit, _POLL_S):
            error = message.error()
            if error is None:
                records.append(message)
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                out_of_range = message.partition()
            elif failure := classify_consumer_error(error, self.topic):
                raise failure
            else:
                log.warning("%s: %s", self.topic, error.str())
        return Poll(records, self._rebalances != rebalances, out_of_range)

    def _on_client_error(self, error: KafkaError) -> None:
        """Report a password that was revoked.

        The client recovers from all other errors by itself.
        """
        refused = classify_refusal(error, self.connection.bootstrap_servers)
        if refused:
            self._on_failure(refused)
