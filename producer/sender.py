"""Send records to one topic and account for each of them."""

import threading
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from producer.errors import ReplayError
from streams.kafka.connection import Connection
from streams.kafka.topics import TRANSACTIONS

_CONNECT_TIMEOUT_S = 10
_STOP_FLUSH_S = 10
_SETTINGS = {
    # More than 1 loses records silently on a new topic: a broker that does not know yet that it
    # leads a partition refuses the first batch but accepts the second, because a producer that it
    # has not seen may start at any sequence number. librdkafka (2.16) then takes the first as
    # confirmed as well (IMPLICITACK in its log). Speed and latency are the same at 1.
    "max.in.flight.requests.per.connection": 1,
    "batch.size": 1_000_000,
    # with librdkafka's smaller defaults the broker spends some 60% more CPU a record
    "batch.num.messages": 10_000,
    "message.timeout.ms": 60_000,  # long enough for a broker to restart
}


class Sender:
    """An idempotent producer for one topic that counts records sent, confirmed and refused.

    `stop` ends its waits.
    """

    def __init__(
        self, connection: Connection, topic: str, stop: threading.Event, linger_ms: int
    ) -> None:
        """Wait up to `linger_ms` to fill a batch, which costs the broker less.

        Raise ReplayError if no broker answers or the topic does not exist.
        """
        self._topic = connection.qualify(topic)
        self._stop = stop
        settings: dict[str, Any] = _SETTINGS | {"linger.ms": linger_ms}
        if topic == TRANSACTIONS:
            settings["compression.type"] = "none"  # the broker stores it uncompressed
        self._producer = Producer(connection.make_writer_config(settings))
        self._first_error = ""
        self.sent = 0
        self.delivered = 0
        self.failed = 0
        try:
            # all topics: asking for one by name would create it
            topics = self._producer.list_topics(timeout=_CONNECT_TIMEOUT_S).topics
        except KafkaException as error:
            raise ReplayError(
                f"no broker answers at {connection.bootstrap_servers}: {error.args[0].str()}"
            ) from None
        if self._topic not in topics:
            raise ReplayError(f"the topic {self._topic} does not exist; run: fraud topics")

    def send(self, key: bytes, value: bytes) -> bool:
        """Enqueue one record, waiting while the queue is full; return False if stopped first."""
        while True:
            try:
                self._producer.produce(self._topic, value, key, on_delivery=self._on_delivery)
            except BufferError:
                self._producer.poll(0.05)
                if self._stop.is_set():
                    return False
            else:
                self.sent += 1
                return True

    def poll(self) -> None:
        """Handle the delivery reports received so far."""
        self._producer.poll(0)

    def confirm(self) -> None:
        """Wait for the delivery report of every record, 10 s at most once stopped.

        Raise ReplayError if a record was not delivered.
        """
        while self._producer.flush(1) and not self._stop.is_set():
            pass
        self._producer.flush(_STOP_FLUSH_S)
        if self.failed:
            raise ReplayError(
                f"{self.failed} of {self.sent} records were not delivered; "
                f"the first error: {self._first_error}"
            )

    def _on_delivery(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.delivered += 1
            return
        self.failed += 1
        self._first_error = self._first_error or error.str()
