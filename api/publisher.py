"""Publishes single records and confirms each one.

NotConfirmedError    Kafka has not acknowledged a record
"""

import asyncio
import threading
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.kafka.connection import Connection

_SETTINGS = {
    # With more, a new topic loses records silently: see producer.sender.
    "max.in.flight.requests.per.connection": 1,
    "linger.ms": 1,  # concurrent requests share a batch
    "compression.type": "none",  # `transactions` is stored uncompressed
    "message.timeout.ms": 5_000,  # longer than a leader election; a client waits for the answer
}
_POLL_S = 0.1
_CLOSE_S = 3.0
_PROBE_S = 2.0


class NotConfirmedError(RuntimeError):
    """Kafka has not acknowledged a record, which may be on the topic. The text says why."""


class Publisher(Protocol):
    """The interface of KafkaPublisher, for tests to replace it."""

    async def publish(self, topic: str, key: bytes, value: bytes) -> None: ...  # noqa: D102
    async def answers(self) -> bool: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class KafkaPublisher:
    """Publishes from an event loop with an idempotent producer. Starts without a broker.

    A background thread polls for delivery reports.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._producer = Producer(connection.make_writer_config(_SETTINGS))
        self._probe: asyncio.Task[bool] | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="publisher", daemon=True)
        self._thread.start()

    async def publish(self, topic: str, key: bytes, value: bytes) -> None:
        """Publish a record to `topic` (without prefix); return once all in-sync replicas have it.

        Raises NotConfirmedError.
        """
        loop = asyncio.get_running_loop()
        delivered: asyncio.Future[None] = loop.create_future()

        def settle(error: KafkaError | None) -> None:
            if delivered.done():  # the client has disconnected
                return
            if error is None:
                delivered.set_result(None)
            else:
                delivered.set_exception(NotConfirmedError(error.str()))

        def on_delivery(error: KafkaError | None, _: Message) -> None:
            loop.call_soon_threadsafe(settle, error)

        try:
            self._producer.produce(
                self._connection.qualify(topic),
                value,
                key,
                on_delivery=on_delivery,
            )
        except BufferError:
            raise NotConfirmedError("too many records wait for Kafka") from None
        except KafkaException as error:
            raise NotConfirmedError(error.args[0].str()) from None
        await delivered

    async def answers(self) -> bool:
        """Return whether the cluster answers. Concurrent calls share one request."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(asyncio.to_thread(self._ask))
        return await asyncio.shield(self._probe)

    def close(self) -> None:
        """Wait up to 3 s for records in flight, then stop."""
        self._producer.flush(_CLOSE_S)
        self._closing.set()
        self._thread.join()

    def _ask(self) -> bool:
        try:
            self._producer.list_topics(timeout=_PROBE_S)
        except KafkaException:
            return False
        return True

    def _poll(self) -> None:
        while not self._closing.is_set():
            self._producer.poll(_POLL_S)
