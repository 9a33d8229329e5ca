"""Replay rows as transactions on a schedule, confirming the delivery of every record."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain

from producer.errors import ReplayError
from producer.rows import Row, encode_transaction
from producer.schedule import Clock, Schedule, yield_when_due
from producer.sender import Sender
from streams.kafka.connection import Connection
from streams.kafka.messages import choose_key
from streams.kafka.topics import TRANSACTIONS

OnProgress = Callable[[int], None]
"""Called with the number of records sent so far: about ten times a second, and at the end."""

PROGRESS_S = 0.1
# The default of Kafka's Java producer since 4.0 (KIP-1030). At live rates it sends fewer requests
# to a broker on the same two cores: p99 at 10,000/s was 225 to 530 ms with 2 ms, 159 ms with 5 ms.
# At full speed the queue fills the batches anyway.
_LINGER_MS = 5


@dataclass(frozen=True)
class Totals:
    """The outcome of a replay up to `last_row` of the file (0-based; None if nothing was sent).

    offered_per_second: the rate that the schedule asked for, or the rate of sending without one.
    achieved_per_second: the rate of confirmations. Both count from the first record; `seconds` ends
    with the last confirmation. started_at: seconds since 1970.
    """

    sent: int
    delivered: int
    last_row: int | None
    seconds: float
    offered_per_second: float
    achieved_per_second: float
    started_at: float


class Replay:
    """Send `rows` to `transactions`, each at its time on `schedule`, counted from `started_at`.

    A replay that falls behind catches up. `started` is set and `started_at` (seconds since 1970)
    known once the first record is due. `totals` is set once `run` ends, even with an error; it
    stays None if `run` could not start.
    """

    def __init__(
        self,
        connection: Connection,
        rows: Iterable[Row],
        schedule: Schedule,
        clock: Clock,
        on_progress: OnProgress = lambda _: None,
    ) -> None:
        self._connection = connection
        self._rows = iter(rows)
        self._schedule = schedule
        self._clock = clock
        self._on_progress = on_progress
        self._reported_at = 0.0
        self._start = 0.0
        self._last: Row | None = None
        self._offered_s = 0.0
        self.totals: Totals | None = None
        self.started = threading.Event()
        self.started_at: float | None = None

    def run(self, stop: threading.Event) -> Totals:
        """Send until the rows end or `stop` is set; then wait for the cluster's confirmations.

        Raise ReplayError without rows, broker or topic, or if a record was not delivered. Raise
        DataError for a bad row.
        """
        first = next(self._rows, None)
        if first is None:
            raise ReplayError("the file has no rows in this range")
        sender = Sender(self._connection, TRANSACTIONS, stop, _LINGER_MS)
        self._start = self._clock.monotonic()
        self.started_at = self._clock.time()
        self.started.set()
        try:
            self._send_and_confirm(sender, first, stop)
        finally:
            self._on_progress(sender.sent)
            self.totals = self._make_totals(sender)
        return self.totals

    def _send_and_confirm(self, sender: Sender, first: Row, stop: threading.Event) -> None:
        try:
            self._send(sender, first, stop)
        finally:
            elapsed = self._last.time - first.time if self._last else 0.0
            self._offered_s = (
                self._schedule(sender.sent, elapsed) or self._clock.monotonic() - self._start
            )
            sender.confirm()

    def _make_totals(self, sender: Sender) -> Totals:
        seconds = self._clock.monotonic() - self._start
        return Totals(
            sender.sent,
            sender.delivered,
            self._last.number if self._last else None,
            seconds,
            offered_per_second=_compute_rate(sender.sent, self._offered_s),
            achieved_per_second=_compute_rate(sender.delivered, seconds),
            started_at=self.started_at or 0.0,
        )

    def _send(self, sender: Sender, first: Row, stop: threading.Event) -> None:
        def tick(elapsed: float) -> bool:
            sender.poll()
            if elapsed - self._reported_at >= PROGRESS_S:
                self._reported_at = elapsed
                self._on_progress(sender.sent)
            return not stop.is_set()

        for row in yield_when_due(
            chain((first,), self._rows), self._schedule, self._clock, self._start, tick
        ):
            if (
                stop.is_set()
                or sender.failed
                or not sender.send(choose_key(row.transaction_id, row.key), encode_transaction(row))
            ):
                break
            self._last = row


def _compute_rate(n: int, seconds: float) -> float:
    return n / seconds if seconds > 0 else 0.0
