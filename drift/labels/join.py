"""Reads the predictions of closed windows again, by their offsets, and joins them with what is known of the payments."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import timedelta

import msgspec

from drift.events import WindowClosed
from drift.labels.label_store import Labels
from drift.labels.quality import Quality
from streams.kafka import reader
from streams.kafka.connection import Connection
from streams.kafka.topics import PREDICTIONS


class _Decided(msgspec.Struct, gc=False):
    transaction_id: str
    decision: str


_decoder = msgspec.json.Decoder(_Decided)


def decisions(
    connection: Connection, windows: Sequence[WindowClosed]
) -> Iterator[tuple[int, str, str]]:
    """Of each of the windows' payments the window's index, what was decided, and the transaction_id.

    Windows whose predictions were deleted meanwhile have fewer payments than events. Raises KafkaException, streams.kafka.cluster.ReadingError.
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
            partition, offset = message.partition(), message.offset()
            _, stop, index = spans[partition][bisect_right(starts[partition], offset) - 1]
            if offset < stop:  # else it lies between two of the windows
                decided = _decoder.decode(message.value() or b"")
                yield index, decided.decision, decided.transaction_id


def arrival(window: WindowClosed, horizon: timedelta) -> tuple[int, int]:
    """[first, last] record timestamp, in ms, of the labels that count for a window: from a horizon before its first prediction, for the
    scorer may have been behind, to a horizon after its last.
    """
    first, last = (
        (window.begin or window.closed_at) - horizon,
        (window.end or window.closed_at) + horizon,
    )
    return round(first.timestamp() * 1000), round(last.timestamp() * 1000)


def qualities(
    connection: Connection, windows: Sequence[WindowClosed], labels: Labels, horizon: timedelta
) -> list[Quality]:
    """What the payments of each window came to by the labels that arrived in time. Raises as `decisions` does."""
    found = [(Quality(), arrival(window, horizon)) for window in windows]
    for index, decision, transaction_id in decisions(connection, windows):
        quality, arrived = found[index]
        quality.count(decision, labels.of(transaction_id, arrived))
    return [quality for quality, _ in found]


def _spans(windows: Sequence[WindowClosed], partition: int) -> list[tuple[int, int, int]]:
    """[start, end) and the window's index, in order of offsets."""
    own = ((window.offsets.get(str(partition)), index) for index, window in enumerate(windows))
    return sorted((span[0], span[1], index) for span, index in own if span)
