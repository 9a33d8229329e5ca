"""Join the predictions of closed windows, read again by their offsets, with labels."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import timedelta

import msgspec

from drift.events import WindowClosed
from drift.labels.label_store import LabelStore
from drift.quality import Quality
from streams.kafka import reader
from streams.kafka.connection import Connection
from streams.kafka.topics import PREDICTIONS


class _Decision(msgspec.Struct, gc=False):
    transaction_id: str
    decision: str


_decoder = msgspec.json.Decoder(_Decision)


def read_decisions(
    connection: Connection, windows: Sequence[WindowClosed]
) -> Iterator[tuple[int, str, str]]:
    """Yield (index of the window, decision, transaction_id) for each payment of the windows.

    Predictions that were deleted since are missing. Raises KafkaException,
    streams.kafka.errors.ReadingError.
    """
    spans = {
        partition: _spans(windows, partition)
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
            if offset < stop:  # otherwise it is between two of the windows
                prediction = _decoder.decode(message.value() or b"")
                yield index, prediction.decision, prediction.transaction_id


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
    for index, decision, transaction_id in read_decisions(connection, windows):
        qualities[index].count(decision, labels.truth(transaction_id, periods[index]))
    return qualities


def _spans(windows: Sequence[WindowClosed], partition: int) -> list[tuple[int, int, int]]:
    """Return (start, end, index of the window) in offset order."""
    own = ((window.offsets.get(str(partition)), index) for index, window in enumerate(windows))
    return sorted((span[0], span[1], index) for span, index in own if span)
