"""Send labels with random, exponentially distributed delays."""

import threading
from array import array
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

import numpy as np

from producer.labels import LINGER_MS, send_label
from producer.replay import PROGRESS_S
from producer.rows import Row
from producer.schedule import Clock
from producer.sender import Sender
from producer.simulation.output import make_account_id, parse_account_number
from streams.kafka.connection import Connection
from streams.kafka.topics import LABELS

_PARTS = 1_000
_ACCOUNT_BITS = 32  # a waiting label is one integer: row number, account + 1, class


class LateLabels:
    """Send a label for each row that passed through `follow`, after a random delay.

    A label is never early; it may be late by 0.1 s or by a thousandth of the mean delay, whichever
    is larger. A waiting label takes 8 bytes: 2,000 transactions a second with a mean delay of
    30 minutes need 29 MB.
    """

    make_account_id = staticmethod(make_account_id)
    parse_account_number = staticmethod(parse_account_number)

    def __init__(
        self,
        connection: Connection,
        run: str,
        mean_s: float,
        seed: int,
        clock: Clock,
        stop: threading.Event,
    ) -> None:
        """Raise ReplayError if no broker answers or the topic does not exist."""
        self._sender = Sender(connection, LABELS, stop, LINGER_MS)
        self._run = run
        self._mean_s = mean_s
        self._random = np.random.default_rng(seed)
        self._clock = clock
        self._stop = stop
        self._width_s = max(PROGRESS_S, mean_s / _PARTS)
        self._unsent: deque[int] = deque()
        self._sent = 0
        self._waiting: dict[int, array[int]] = defaultdict(lambda: array("q"))
        self._lock = threading.Lock()
        self._finished = False

    def follow(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows unchanged and remember them for labels."""
        for row in rows:
            account = 0 if row.key is None else self.parse_account_number(row.key) + 1
            self._unsent.append((row.number << _ACCOUNT_BITS | account) << 1 | bool(row.is_fraud))
            yield row

    def note_sent(self, count: int) -> None:
        """Take the number of transactions sent so far. Called from the replay's thread."""
        delays = self._random.exponential(self._mean_s, count - self._sent)
        due_at = self._clock.monotonic() + delays
        parts = (due_at // self._width_s + 1).astype(int).tolist()
        with self._lock:
            for part in parts:
                self._waiting[part].append(self._unsent.popleft())
        self._sent = count

    def finish(self) -> None:
        """Expect no more transactions. `run` returns only after this call."""
        self._finished = True

    def run(self) -> int:
        """Send labels until none waits; return the number confirmed. Raise ReplayError."""
        while not self._stop.is_set():
            finished = self._finished  # read first: nothing is added once it is True
            self._send(self._take_due())
            if finished and not self._waiting:
                break
            self._clock.sleep(PROGRESS_S)
        self._sender.confirm()
        return self._sender.delivered

    def _take_due(self) -> list[int]:
        now = self._clock.monotonic() / self._width_s
        with self._lock:
            parts = sorted(part for part in self._waiting if part <= now)
            return [waiting for part in parts for waiting in self._waiting.pop(part)]

    def _send(self, due: list[int]) -> None:
        for waiting in due:
            if self._stop.is_set():
                return
            number, account = divmod(waiting >> 1, 1 << _ACCOUNT_BITS)
            row = Row(
                number,
                f"{self._run}-{number}",
                0.0,
                b"",
                bool(waiting & 1),
                self.make_account_id(account - 1) if account else None,
            )
            send_label(self._sender, row, self._clock)
