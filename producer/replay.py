"""Replays rows as transactions: on a schedule, and with the delivery of every record confirmed."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain

from producer.errors import ReplayError
from producer.rows import Row, transaction
from producer.schedule import Clock, Schedule, paced
from producer.sender import Sender
from streams.codec import key
from streams.connection import Connection
from streams.topics import TRANSACTIONS

OnProgress = Callable[[int], None]
"""Called with the number of records sent so far: some ten times a second, and at the end."""

PROGRESS_S = 0.1
_LINGER_MS = 2  # at live rates a record goes out at once; at full speed the queue fills the batches


@dataclass(frozen=True)
class Totals:
    """What became of the records of a replay.

    offered_per_second: what the schedule asked for (without one: what was handed over). achieved_per_second: what was confirmed.
    Both are over the time from the first record; `seconds` lasts until the last confirmation. started_at: seconds since 1970.
    """

    sent: int
    delivered: int
    seconds: float
    offered_per_second: float
    achieved_per_second: float
    started_at: float


class Replay:
    """Sends `rows` to `transactions`, each at its time on `schedule`, counted from `started_at`.

    `started` is set and `started_at` (seconds since 1970) known when the first record is due. When it is behind, it catches up.
    """

    def __init__(
        self, connection: Connection, rows: Iterable[Row], schedule: Schedule, clock: Clock, on_progress: OnProgress = lambda _: None
    ) -> None:
        self._connection = connection
        self._rows = iter(rows)
        self._schedule = schedule
        self._clock = clock
        self._on_progress = on_progress
        self._reported_at = 0.0
        self._start = 0.0
        self.started = threading.Event()
        self.started_at: float | None = None

    def run(self, stop: threading.Event) -> Totals:
        """Sends until the rows end or `stop` is set, and waits until the cluster has confirmed them.

        Raises ReplayError without rows, broker or topic, and when a record was not delivered; DataError for a bad row.
        """
        first = next(self._rows, None)
        if first is None:
            raise ReplayError("the file has no such rows")
        sender = Sender(self._connection, TRANSACTIONS, stop, _LINGER_MS)
        self._start, self.started_at = self._clock.monotonic(), self._clock.time()
        self.started.set()
        try:
            offered_s = self._send(sender, first, stop)
        finally:
            sender.confirm()
            self._on_progress(sender.sent)
        seconds = self._clock.monotonic() - self._start
        return Totals(
            sender.sent,
            sender.delivered,
            seconds,
            offered_per_second=_rate(sender.sent, offered_s),
            achieved_per_second=_rate(sender.delivered, seconds),
            started_at=self.started_at,
        )

    def _send(self, sender: Sender, first: Row, stop: threading.Event) -> float:
        """Returns the seconds over which the records were offered."""

        def look(elapsed: float) -> bool:
            sender.poll()
            if elapsed - self._reported_at >= PROGRESS_S:
                self._reported_at = elapsed
                self._on_progress(sender.sent)
            return not stop.is_set()

        row = first
        for row in paced(chain((first,), self._rows), self._schedule, self._clock, self._start, look):
            if stop.is_set() or sender.failed:
                break
            sender.send(key(row.transaction_id, None), transaction(row))
        return self._schedule(sender.sent, row.time - first.time) or self._clock.monotonic() - self._start


def _rate(n: int, seconds: float) -> float:
    return n / seconds if seconds > 0 else 0.0
