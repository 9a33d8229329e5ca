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
from streams.kafka import reader
from streams.kafka.connection import Connection
from streams.kafka.topics import PREDICTIONS


class _Owner(msgspec.Struct, gc=False):
    account_id: str | None = None


class _Decision(msgspec.Struct, gc=False):
    transaction_id: str
    event_time: Annotated[datetime, msgspec.Meta(tz=True)]
    decision: Decision
    transaction: _Owner


_decoder = msgspec.json.Decoder(_Decision)


def read_decisions(
    connection: Connection, windows: Sequence[WindowClosed]
) -> Iterator[tuple[int, Decision, ScoredPayment]]:
    """Yield (index of the window, decision, payment) for each payment of the windows.

    Predictions that were deleted since, and records that are no predictions, are missing. Raises
    KafkaException, streams.kafka.errors.ReadingError.
    """
    spans = {
        partition: _list_spans(windows, partition)
        for partition in {int(p) for window in windows for p in window.offsets}
    }
    begin = {partition: own[0][0] for partition, own in spans.items()}
    end = {partition: own[-1][1] for partition, own in spans.items()}
    starts = {partition: [start for start, _, _ in own] for partition, own in spans.items()}
    for batch in reader.read(connection, PREDICTIONS, begin, end):
        for message in batch:
            partition = message.partition()
            offset = message.offset()
            _, stop, index = spans[partition][bisect_right(starts[partition], offset) - 1]
            if offset < stop and (decided := _decode(message)):  # else it is between two windows
                yield index, *decided


def _decode(message: Message) -> tuple[Decision, ScoredPayment] | None:
    scored_ms = message.timestamp()[1]
    try:
        prediction = _decoder.decode(message.value() or b"")
        made_ms = int(prediction.event_time.timestamp() * 1000)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError):
        return None  # the monitor has logged and counted it when it read the window
    return prediction.decision, ScoredPayment(
        prediction.transaction_id,
        prediction.transaction.account_id,
        made_ms,
        scored_ms,
    )


def label_period(window: WindowClosed, horizon: timedelta) -> tuple[int, int]:
    """Return the [first, last] record time, in ms, of the labels that count for a window.

    It starts a horizon before the window's first prediction, because the scorer may have been
    behind, and ends a horizon after its last.
    """
    first = (window.begin or window.closed_at) - horizon
    last = (window.end or window.closed_at) + horizon
    return round(first.timestamp() * 1000), round(last.timestamp() * 1000)


def measure_quality(
    connection: Connection, windows: Sequence[WindowClosed], labels: LabelStore, horizon: timedelta
) -> list[Quality]:
    """Return each window's outcomes by the labels that arrived in time.

    Raises as `read_decisions` does.
    """
    qualities = [Quality() for _ in windows]
    periods = [label_period(window, horizon) for window in windows]
    for index, decision, payment in read_decisions(connection, windows):
        qualities[index].count(decision, labels.truth(payment, periods[index]))
    return qualities


def _list_spans(windows: Sequence[WindowClosed], partition: int) -> list[tuple[int, int, int]]:
    """Return (start, end, index of the window) in offset order."""
    own = ((window.offsets.get(str(partition)), index) for index, window in enumerate(windows))
    return sorted((span[0], span[1], index) for span, index in own if span)
