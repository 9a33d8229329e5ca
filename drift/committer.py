"""Exactly once for windows: a window's events and the offsets it ends at, in one Kafka transaction.

A monitor that dies at any moment has either written the window and moved past it, or neither.
"""

import threading
from typing import Any

import msgspec
from confluent_kafka import KafkaException, Producer

from drift.events import SeverityChanged, WindowClosed
from streams.kafka.codec import Output, own_headers
from streams.kafka.committer import TransactionalCommitter, producer_settings
from streams.kafka.connection import Connection
from streams.kafka.topics import DRIFT_EVENTS, PREDICTIONS


class WindowCommitter(TransactionalCommitter):
    """Writes windows, one transaction each. `give_up` ends the waiting for a broker that does not answer."""

    def __init__(self, connection: Connection, instance: str, give_up: threading.Event) -> None:
        name = connection.named(f"fraud-monitor-{instance}")
        super().__init__(
            connection, [Producer(connection.writer(producer_settings(name)))], give_up, PREDICTIONS
        )

    def commit_window(
        self, event: WindowClosed, change: SeverityChanged | None, group_metadata: Any
    ) -> None:
        """Makes the event, the change of severity that it brings and the group's progress visible together, or not at all.

        Raises BatchAbortedError (read the window again) or CommitFatalError (this process is done).
        """
        _, offsets = event.bounds
        events = [event, change] if change else [event]
        try:
            self.write(
                [
                    Output(DRIFT_EVENTS, None, msgspec.json.encode(one), own_headers())
                    for one in events
                ]
            )
        except KafkaException as error:
            self.abort(error)
        self.commit(offsets, group_metadata)
