"""Measure when each prediction of a run could be read, its decision and its score."""

import math
import threading
import time
from collections.abc import Iterable
from itertools import chain

import msgspec
import numpy as np
from confluent_kafka import Consumer, Message, TopicPartition
from numpy.typing import NDArray

from payments.arrays import Floats
from payments.contract import DECISIONS
from streams.kafka.cluster import Offsets
from streams.kafka.connection import Connection
from streams.kafka.reader import poll_batch
from streams.kafka.topics import PREDICTIONS

WARM_UP_S = 5.0
_BATCH = 10_000
UNKNOWN = -1


class _Transaction(msgspec.Struct):
    Amount: float


class _Decided(msgspec.Struct):
    transaction_id: str
    decision: str
    # Missing in the predictions of the systems that this one is compared with.
    probability: float = math.nan
    transaction: _Transaction | None = None


class _Labelled(msgspec.Struct):
    transaction_id: str
    is_fraud: bool


class LiveReader(threading.Thread):
    """A reader of committed predictions, like any client.

    `arrived[i]`: when the prediction of the run's i-th transaction arrived, in seconds since 1970,
    or NaN. `decisions[i]`: its decision, as an index of DECISIONS. `probabilities[i]` and
    `amounts[i]`: NaN until then.
    """

    def __init__(
        self, connection: Connection, begin: Offsets, run: str, first_row: int, count: int
    ) -> None:
        super().__init__(name="live-reader", daemon=True)
        self._consumer = Consumer(
            connection.make_reader_config(None, {"fetch.queue.backoff.ms": 5})
        )
        name = connection.qualify(PREDICTIONS)
        self._consumer.assign(
            [TopicPartition(name, partition, offset) for partition, offset in begin.items()]
        )
        self._prefix = f"{run}-"
        self._first_row = first_row
        self._ended = threading.Event()
        self.arrived = np.full(count, np.nan)
        self.decisions = np.full(count, UNKNOWN, dtype=np.int8)
        self.probabilities = np.full(count, np.nan)
        self.amounts = np.full(count, np.nan)

    def run(self) -> None:
        """The thread's body."""
        while not self._ended.is_set():
            messages = poll_batch(self._consumer, _BATCH, 0.1)
            now = time.time()
            for message in messages:
                value = message.value()
                if message.error() is None and value is not None:
                    self._take(msgspec.json.decode(value, type=_Decided), now)
        self._consumer.close()

    def stop(self) -> None:
        """Stop the thread and wait for it."""
        self._ended.set()
        self.join()

    def _take(self, decided: _Decided, now: float) -> None:
        index = find_row(decided.transaction_id, self._prefix, self._first_row, len(self.arrived))
        if index is not None and np.isnan(self.arrived[index]):
            self.arrived[index] = now
            self.decisions[index] = DECISIONS.index(decided.decision)
            self.probabilities[index] = decided.probability
            if decided.transaction is not None:
                self.amounts[index] = decided.transaction.Amount


def find_row(transaction_id: str, prefix: str, first_row: int, count: int) -> int | None:
    """Return the transaction's index in the run, from 0; None if it belongs to another run."""
    row = transaction_id.removeprefix(prefix)
    if row == transaction_id or not row.isdecimal():
        return None
    index = int(row) - first_row
    return index if 0 <= index < count else None


def measure_latency(arrived: Floats, started_at: float, rate: float) -> dict[str, float | None]:
    """Return percentiles of the arrival after the scheduled send time, in seconds.

    The first WARM_UP_S of the schedule are ignored. None if there is nothing to measure, as at rate
    0, which has no schedule.
    """
    names = {"p50": 50, "p95": 95, "p99": 99}
    if not rate:
        return dict.fromkeys(names)
    due = np.arange(len(arrived)) / rate
    counted = (due >= WARM_UP_S) & ~np.isnan(arrived)
    if not counted.any():
        return dict.fromkeys(names)
    waited = arrived[counted] - started_at - due[counted]
    return {name: float(np.percentile(waited, q)) for name, q in names.items()}


def collect_truth(
    labels: Iterable[list[Message]], run: str, first_row: int, count: int
) -> NDArray[np.int8]:
    """Return int8[count]: 1 fraud, 0 legitimate, -1 unlabelled.

    The last label of a transaction wins.
    """
    known = np.full(count, UNKNOWN, dtype=np.int8)
    for message in chain.from_iterable(labels):
        label = msgspec.json.decode(message.value() or b"null", type=_Labelled)
        index = find_row(label.transaction_id, f"{run}-", first_row, count)
        if index is not None:
            known[index] = label.is_fraud
    return known
