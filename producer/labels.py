"""The truth, late and apart: a label for each replayed transaction, to the topic `labels`, some time after it was sent."""

import math
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Protocol

import msgspec

from payments.records import LabelRecord
from producer.replay import PROGRESS_S, Replay, Totals
from producer.rows import Row
from producer.schedule import Clock
from producer.sender import Sender
from streams.kafka.codec import key
from streams.kafka.connection import Connection
from streams.kafka.topics import LABELS

_MARKS = 1_000
LINGER_MS = 100  # labels are late by nature
POLL_EVERY = 256


def label(row: Row, at: datetime) -> bytes:
    """The row's class as the JSON of a `payments.contract.Label` that became known at `at`."""
    record = LabelRecord(
        transaction_id=row.transaction_id,
        account_id=row.account_id,
        is_fraud=row.is_fraud,
        labelled_at=at,
        source="replay",
    )
    return msgspec.json.encode(record)


class Feed(Protocol):
    """What sends labels beside a replay."""

    def run(self) -> int:
        """Sends the labels of all transactions that were sent, unless it is stopped; returns how many were confirmed."""

    def sent(self, count: int) -> None:
        """So many transactions are sent by now."""

    def finish(self) -> None:
        """No more transactions will be sent."""


class LabelFeed:
    """Follows a replay at a distance of `delay_s`, reading the same rows a second time.

    It is told how many transactions were sent so far, and keeps that only now and then: a label may come later than its delay
    by a tenth of a second or a thousandth of the delay, never sooner. So memory is bounded, whatever the rate and the delay.
    """

    def __init__(
        self,
        connection: Connection,
        rows: Iterable[Row],
        delay_s: float,
        clock: Clock,
        stop: threading.Event,
    ) -> None:
        """Raises ReplayError if no broker answers or the topic does not exist."""
        self._sender = Sender(connection, LABELS, stop, LINGER_MS)
        self._rows = iter(rows)
        self._delay_s = delay_s
        self._clock = clock
        self._stop = stop
        self._marks: SimpleQueue[tuple[int, float] | None] = SimpleQueue()
        self._count = 0
        self._marked_at = -math.inf
        self._interval_s = max(PROGRESS_S, delay_s / _MARKS)

    def sent(self, count: int) -> None:
        """So many transactions are sent by now. Called from the replay's thread."""
        now = self._clock.monotonic()
        self._count = count
        if now - self._marked_at >= self._interval_s:
            self._marked_at = now
            self._marks.put((count, now))

    def finish(self) -> None:
        """No more transactions will be sent. `run` ends only after this."""
        self._marks.put((self._count, self._clock.monotonic()))
        self._marks.put(None)

    def run(self) -> int:
        """Sends the label of each transaction that `sent` counted, unless it is stopped; returns how many were confirmed.

        Raises ReplayError when one was not delivered, DataError for a bad row.
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
            self._sender.send(key(row.transaction_id, row.account_id), label(row, now))
            if self._sender.sent % POLL_EVERY == 0:
                self._sender.poll()


def replay_with_labels(replay: Replay, feed: Feed, stop: threading.Event) -> tuple[Totals, int]:
    """Runs both, the feed in a thread of its own; returns the replay's totals and the number of labels.

    The replay's `on_progress` must call `feed.sent`. Raises what either raises; the other is stopped then.
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
