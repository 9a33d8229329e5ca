"""Commit windows exactly once: a window's events and its end offsets in one Kafka transaction.

A monitor that dies at any moment has either written the window and committed its offsets, or
neither.
"""

import threading
from typing import Any

import msgspec
from confluent_kafka import KafkaException, Producer

from drift.events import SeverityChanged, WindowClosed
from streams.kafka.committer import ProducerFactory, TransactionalCommitter
from streams.kafka.connection import Connection
from streams.kafka.messages import Output
from streams.kafka.topics import DRIFT_EVENTS, PREDICTIONS


class WindowCommitter(TransactionalCommitter):
    """Commit windows, one transaction each.

    Set `give_up` to stop waiting for a broker that does not answer.
    """

    def __init__(
        self,
        connection: Connection,
        instance: str,
        give_up: threading.Event,
        client: ProducerFactory = Producer,
    ) -> None:
        names = [f"fraud-monitor-{instance}"]
        super().__init__(connection, names, give_up, PREDICTIONS, client=client)

    def commit_window(
        self, window: WindowClosed, change: SeverityChanged | None, group_metadata: Any
    ) -> None:
        """Write a window and any change of severity, and commit the group's offsets, or nothing.

        Raises BatchAbortedError (read the window again), or OutputRefusedError or CommitFatalError
        (this process cannot continue).
        """
        _, offsets = window.bounds
        events = [window, change] if change else [window]
        outputs = [Output(DRIFT_EVENTS, None, msgspec.json.encode(event)) for event in events]
        try:
            self.write(outputs)
        except KafkaException as error:
            self.abort(error)
        self.commit(offsets, group_metadata)
