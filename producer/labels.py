"""Send a label for each replayed transaction to the topic `labels`, after a delay."""

import math
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any, Protocol

import msgspec

from payments.files.reader import NO_TIME
from payments.labels import read_entities
from payments.records import LabelRecord
from payments.schema.reading import Schema
from producer.replay import PROGRESS_S, Replay, Totals
from producer.rows import Row, compute_event_time, encode_transaction
from producer.schedule import Clock
from producer.sender import Sender
from streams.kafka.connection import Connection
from streams.kafka.messages import choose_key
from streams.kafka.topics import LABELS

_MARKS = 1_000
LINGER_MS = 100  # labels are not urgent
_POLL_EVERY = 256


def make_label(row: Row, schema: Schema, now: datetime) -> Any:
    """Return the row's LabelRecord, known since the time that the file says, else since now."""
    known = row.labelled_ms
    return LabelRecord(
        transaction_id=row.transaction_id,
        entities=read_entities(encode_transaction(row), schema),
        event_time=compute_event_time(row),
        is_fraud=row.is_fraud,
        labelled_at=now if known == NO_TIME else datetime.fromtimestamp(known / 1000, UTC),
        source="replay",
    )


def send_label(sender: Sender, label: Any, key: str | None) -> None:
    """Send a LabelRecord under the message key of its transaction."""
    sender.send(choose_key(label.transaction_id, key), msgspec.json.encode(label))
    if sender.sent % _POLL_EVERY == 0:
        sender.poll()


class Feed(Protocol):
    """A sender of labels that runs alongside a replay."""

    def run(self) -> int:
        """Send the labels of all sent transactions; return the number confirmed."""

    def note_sent(self, count: int) -> None:
        """Take the number of transactions sent so far."""

    def finish(self) -> None:
        """Expect no more transactions."""


class LabelFeed:
    """Follow a replay `delay_s` seconds behind, reading the same rows a second time.

    The feed records the number of sent transactions only at intervals, so that memory is bounded
    at any rate and delay. A label is never early; it may be late by 0.1 s or by a thousandth of
    the delay, whichever is larger.
    """

    def __init__(
        self,
        connection: Connection,
        rows: Iterable[Row],
        schema: Schema,
        delay_s: float,
        clock: Clock,
        stop: threading.Event,
    ) -> None:
        """Raise ReplayError if no broker answers or the topic does not exist."""
        self._sender = Sender(connection, LABELS, stop, LINGER_MS)
        self._rows = iter(rows)
        self._schema = schema
        self._delay_s = delay_s
        self._clock = clock
        self._stop = stop
        self._marks: SimpleQueue[tuple[int, float] | None] = SimpleQueue()
        self._count = 0
        self._marked_at = -math.inf
        self._interval_s = max(PROGRESS_S, delay_s / _MARKS)

    def note_sent(self, count: int) -> None:
        """Take the number of transactions sent so far. Called from the replay's thread."""
        now = self._clock.monotonic()
        self._count = count
        if now - self._marked_at >= self._interval_s:
            self._marked_at = now
            self._marks.put((count, now))

    def finish(self) -> None:
        """Expect no more transactions. `run` returns only after this call."""
        self._marks.put((self._count, self._clock.monotonic()))
        self._marks.put(None)

    def run(self) -> int:
        """Send a label for each transaction that `note_sent` counted; return the number confirmed.

        Raise ReplayError if a label was not delivered, DataError for a bad row.
        """
        while (mark := self._marks.get()) is not None:
            count, at = mark
            while (
                not self._stop.is_set()
                and (wait := at + self._delay_s - self._clock.monotonic()) > 0
            ):
                self._clock.sleep(min(wait, PROGRESS_S))
            self._send(count)
        self._sender.confirm()
        return self._sender.delivered

    def _send(self, count: int) -> None:
        while (
            self._sender.sent < count
            and not self._stop.is_set()
            and (row := next(self._rows, None)) is not None
        ):
            now = datetime.fromtimestamp(self._clock.time(), UTC)
            send_label(self._sender, make_label(row, self._schema, now), row.key)


def replay_with_labels(replay: Replay, feed: Feed, stop: threading.Event) -> tuple[Totals, int]:
    """Run both, the feed in a thread; return the replay's totals and the number of labels.

    The replay's `on_progress` must call `feed.note_sent`. If one raises, stop the other and
    re-raise.
    """
    with ThreadPoolExecutor(1, "labels") as pool:
        labels = pool.submit(feed.run)
        labels.add_done_callback(lambda done: stop.set() if done.exception() else None)
        try:
            totals = replay.run(stop)
        except BaseException:
            stop.set()
            raise
        finally:
            feed.finish()
        return totals, labels.result()
