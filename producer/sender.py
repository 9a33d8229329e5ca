"""Sends records to one topic and accounts for each of them."""

import threading

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from producer.errors import ReplayError
from streams.kafka.codec import own_headers
from streams.kafka.connection import Connection

_CONNECT_TIMEOUT_S = 10
_STOP_FLUSH_S = 10
_SETTINGS = {
    # With more, records are lost silently on a new topic: while the broker does not know yet that it leads a partition it refuses
    # the first batch, but takes the second one, for a producer that it has not seen may begin at any number; librdkafka (2.16)
    # then holds the first for confirmed too (IMPLICITACK in its log). Speed and latency are the same at 1.
    "max.in.flight.requests.per.connection": 1,
    "batch.size": 1_000_000,
    "batch.num.messages": 10_000,  # with librdkafka's smaller defaults the broker spends some 60 % more CPU a record
    "message.timeout.ms": 60_000,  # a broker's restart is waited for; one that is gone ends the replay
}


class Sender:
    """An idempotent producer for one topic that counts what was handed over, confirmed and refused. `stop` ends its waiting."""

    def __init__(
        self, connection: Connection, topic: str, stop: threading.Event, linger_ms: int
    ) -> None:
        """A record goes out `linger_ms` after it was handed over; what gathers meanwhile goes with it, at less cost for the broker.

        Raises ReplayError if no broker answers or the topic does not exist.
        """
        self._topic = connection.named(topic)
        self._stop = stop
        self._producer = Producer(connection.writer(_SETTINGS | {"linger.ms": linger_ms}))
        self._headers = own_headers()
        self._first_error = ""
        self.sent = 0
        self.delivered = 0
        self.failed = 0
        try:
            topics = self._producer.list_topics(
                timeout=_CONNECT_TIMEOUT_S
            ).topics  # asked for one topic, it would create it
        except KafkaException as error:
            raise ReplayError(
                f"no broker answers at {connection.bootstrap_servers}: {error.args[0].str()}"
            ) from None
        if self._topic not in topics:
            raise ReplayError(f"the topic {self._topic} does not exist; run: fraud topics")

    def send(self, key: bytes, value: bytes) -> bool:
        """Hands one record over. While the queue is full it waits; if it is stopped there, the record is not sent: False."""
        while True:
            try:
                self._producer.produce(
                    self._topic, value, key, headers=self._headers, on_delivery=self._reported
                )
            except BufferError:
                self._producer.poll(0.05)
                if self._stop.is_set():
                    return False
            else:
                self.sent += 1
                return True

    def poll(self) -> None:
        """Takes the reports of delivery that have come."""
        self._producer.poll(0)

    def confirm(self) -> None:
        """Waits for the report about every record; once stopped, 10 s at most. Raises ReplayError if one was not delivered."""
        while self._producer.flush(1) and not self._stop.is_set():
            pass
        self._producer.flush(_STOP_FLUSH_S)
        if self.failed:
            raise ReplayError(
                f"{self.failed} of {self.sent} records were not delivered; the first error: {self._first_error}"
            )

    def _reported(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.delivered += 1
            return
        self.failed += 1
        self._first_error = self._first_error or error.str()
