"""Exactly once for windows: a window's event and the offsets it ends at, in one Kafka transaction.

A monitor that dies at any moment has either written the window and moved past it, or neither.
"""

import threading

import msgspec
from confluent_kafka import KafkaException, Producer, TopicPartition

from drift.events import WindowClosed
from streams.codec import own_headers
from streams.committer import TransactionalCommitter, producer_settings
from streams.connection import Connection
from streams.topics import DRIFT_EVENTS, PREDICTIONS

# Short, for a stop to be noticed in between; what is not answered by then is asked again.
CALL_TIMEOUT_S = 2.0
# librdkafka 2.16.0 forgets its brokers when all are down, but not which of them was the group's coordinator: after an outage
# send_offsets_to_transaction waits for that one for ever, whatever its timeout (confluentinc/librdkafka#5511, #5456; tried).
_RECOVERY = {"metadata.recovery.strategy": "none"}


class WindowCommitter(TransactionalCommitter):
    """Writes windows, one transaction each. `give_up` ends the waiting for a broker that does not answer."""

    def __init__(self, connection: Connection, instance: str, give_up: threading.Event) -> None:
        name = connection.named(f"fraud-monitor-{instance}")
        super().__init__(connection, Producer(connection.writer(producer_settings(name) | _RECOVERY)), give_up)

    def commit_window(self, event: WindowClosed, group_metadata: object) -> None:
        """Makes the event and the group's progress visible together, or not at all.

        Raises TransactionAbortedError (read the window again) or CommitFatalError (this process is done).
        """
        topic = self._connection.named(PREDICTIONS)
        positions = [TopicPartition(topic, int(partition), end) for partition, (_, end) in event.offsets.items()]
        try:
            self._producer.begin_transaction()
            self._producer.produce(self._connection.named(DRIFT_EVENTS), msgspec.json.encode(event), headers=own_headers())
            self._persist(lambda: self._producer.send_offsets_to_transaction(positions, group_metadata, CALL_TIMEOUT_S))
            # An uncertain commit is asked for again, never aborted: the broker may have carried it out.
            self._persist(lambda: self._producer.commit_transaction(CALL_TIMEOUT_S))
        except KafkaException as error:
            self._abort(error.args[0])
