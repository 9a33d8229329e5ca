"""Send labels with random, exponentially distributed delays."""

import struct
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import ClassVar, NamedTuple

import numpy as np

from payments.labels import read_entities
from payments.records import LabelRecord
from payments.schema.reading import read_schema
from producer.labels import LINGER_MS, send_label
from producer.replay import PROGRESS_S
from producer.rows import Row, compute_event_time, encode_transaction
from producer.schedule import Clock
from producer.sender import Sender
from producer.simulation.output import make_account_id, parse_account_number
from streams.kafka.connection import Connection
from streams.kafka.topics import LABELS

_PARTS = 1_000
_MISSING = -1


class EntityIds(NamedTuple):
    """How to name an entity by a number from 0, and back."""

    make: Callable[[int], str]
    parse: Callable[[str], int]


class LateLabels:
    """Send a label for each row that passed through `follow`, after a random delay.

    A label is never early; it may be late by 0.1 s or by a thousandth of the mean delay, whichever
    is larger. A waiting label takes 17 bytes and 8 for each entity: 2,000 transactions a second
    of creditcard with a mean delay of 30 minutes need 90 MB.
    """

    schema: ClassVar[str] = "creditcard"
    entities: ClassVar[dict[str, EntityIds]] = {
        "account_id": EntityIds(make_account_id, parse_account_number)
    }

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
        self._schema = read_schema(self.schema)
        # row number, event time in seconds since 1970, class, and the number of each entity
        self._layout = struct.Struct(f"=qd?{len(self.entities)}q")
        self._unsent: deque[bytes] = deque()
        self._sent = 0
        self._waiting: dict[int, bytearray] = defaultdict(bytearray)
        self._lock = threading.Lock()
        self._finished = False

    def follow(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows unchanged and remember them for labels."""
        for row in rows:
            found = read_entities(encode_transaction(row), self._schema)
            entities = [
                ids.parse(found[name]) if name in found else _MISSING
                for name, ids in self.entities.items()
            ]
            made = compute_event_time(row).timestamp()
            self._unsent.append(self._layout.pack(row.number, made, bool(row.is_fraud), *entities))
            yield row

    def note_sent(self, count: int) -> None:
        """Take the number of transactions sent so far. Called from the replay's thread."""
        delays = self._random.exponential(self._mean_s, count - self._sent)
        due_at = self._clock.monotonic() + delays
        parts = (due_at // self._width_s + 1).astype(int).tolist()
        with self._lock:
            for part in parts:
                self._waiting[part].extend(self._unsent.popleft())
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

    def _take_due(self) -> bytes:
        now = self._clock.monotonic() / self._width_s
        with self._lock:
            parts = sorted(part for part in self._waiting if part <= now)
            return b"".join(self._waiting.pop(part) for part in parts)

    def _send(self, due: bytes) -> None:
        for number, made, is_fraud, *numbers in self._layout.iter_unpack(due):
            if self._stop.is_set():
                return
            entities = {
                name: ids.make(value)
                for (name, ids), value in zip(self.entities.items(), numbers, strict=True)
                if value != _MISSING
            }
            label = LabelRecord(
                transaction_id=f"{self._run}-{number}",
                entities=entities,
                event_time=datetime.fromtimestamp(made, UTC),
                is_fraud=is_fraud,
                labelled_at=datetime.fromtimestamp(self._clock.time(), UTC),
                source="replay",
            )
            send_label(self._sender, label, entities.get(self._schema.roles.key))
