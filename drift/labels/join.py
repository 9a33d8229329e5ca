"""Join the predictions of closed windows, read again by their offsets, with labels."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from confluent_kafka import Message

from drift.events import WindowClosed
from drift.labels.label_store import LabelStore, ScoredPayment
from drift.quality import Quality
from payments.contract import Decision
from payments.decoder import make_fields_reader
from payments.labels import LabelRules
from payments.schema.reading import Schema
from streams.kafka import reader
from streams.kafka.connection import Connection
from streams.kafka.topics import PREDICTIONS


class DecisionReader:
    """Reads what decides which labels are about a payment."""

    def __init__(self, connection: Connection, schema: Schema) -> None:
        self.connection = connection
        self.rules = LabelRules(schema)
        transaction, self._read_fields = make_fields_reader(schema, [schema.roles.key])
        prediction = msgspec.defstruct(
            "Prediction",
            [
                ("transaction_id", str),
                ("event_time", Annotated[datetime, msgspec.Meta(tz=True)]),
                ("decision", Decision),
                ("transaction", transaction),
            ],
            gc=False,
        )
        self._decode_json = msgspec.json.Decoder(prediction).decode

    def read(
        self, windows: Sequence[WindowClosed]
    ) -> Iterator[tuple[int, Decision, ScoredPayment]]:
        """Yield (index of the window, decision, payment) for each payment of the windows.

        Predictions that were deleted since, and records that are no predictions, are missing.
        Raises KafkaException, streams.kafka.errors.ReadingError.
        """
        spans = {
            partition: _list_spans(windows, partition)
            for partition in {int(p) for window in windows for p in window.offsets}
        }
        begin = {partition: own[0][0] for partition, own in spans.items()}
        end = {partition: own[-1][1] for partition, own in spans.items()}
        starts = {partition: [start for start, _, _ in own] for partition, own in spans.items()}
        for batch in reader.read(self.connection, PREDICTIONS, begin, end):
            for message in batch:
                partition = message.partition()
                offset = message.offset()
                _, stop, index = spans[partition][bisect_right(starts[partition], offset) - 1]
                if offset < stop and (decided := self._decode(message)):
                    yield index, *decided  # else it is between two windows

    def _decode(self, message: Message) -> tuple[Decision, ScoredPayment] | None:
        scored_ms = message.timestamp()[1]
        try:
            transaction_id, event_time, decision, transaction = msgspec.structs.astuple(
                self._decode_json(message.value() or b"")
            )
            made_ms = int(event_time.timestamp() * 1000)
        except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError):
            return None  # the monitor has logged and counted it when it read the window
        (key,) = self._read_fields(transaction)
        return decision, ScoredPayment(transaction_id, key, made_ms, scored_ms)


def label_period(window: WindowClosed, horizon: timedelta) -> tuple[int, int]:
    """Return the [first, last] record time, in ms, of the labels that count for a window.

    It starts a horizon before the window's first prediction, because the scorer may have been
    behind, and ends a horizon after its last.
    """
    first = (window.begin or window.closed_at) - horizon
    last = (window.end or window.closed_at) + horizon
    return round(first.timestamp() * 1000), round(last.timestamp() * 1000)


def measure_quality(
    decisions: DecisionReader,
    windows: Sequence[WindowClosed],
    labels: LabelStore,
    horizon: timedelta,
) -> list[Quality]:
    """Return each window's outcomes by the labels that arrived in time.

    Raises as `DecisionReader.read` does.
    """
    qualities = [Quality() for _ in windows]
    periods = [label_period(window, horizon) for window in windows]
    for index, decision, payment in decisions.read(windows):
        qualities[index].count(decision, labels.truth(payment, periods[index]))
    return qualities


def _list_spans(windows: Sequence[WindowClosed], partition: int) -> list[tuple[int, int, int]]:
    """Return (start, end, index of the window) in offset order."""
    own = ((window.offsets.get(str(partition)), index) for index, window in enumerate(windows))
    return sorted((span[0], span[1], index) for span, index in own if span)
