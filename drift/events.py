"""What the monitor finds, as it is written to `drift.events`, and what stands there already. `kind` says which event it is."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial

import msgspec

from drift.detect.decision import AlertRate, Ranked
from drift.labels.quality import Quality
from streams.kafka import reader
from streams.kafka.cluster import Cluster, Offsets
from streams.kafka.connection import Connection
from streams.kafka.topics import DRIFT_EVENTS

# A thousand windows, as many events of labels and some changes of severity: one reading is enough where labels come steadily.
_TAIL = 2_500


class WindowClosed(msgspec.Struct, kw_only=True, frozen=True, tag_field="kind", tag="window"):
    """One window: `offsets` [start, end) of `predictions` by partition; `score` and `detected` are null where there is no verdict.

    `distances`: by column, from the windows before it; `limits`: from which distance on a column is over; `from_reference`: from the
    model's reference, which raises no alarm; all in standard deviations. `tail`: the surprise of the margin's tail over its limit, so
    from 1 on the window is drift whatever its score. `stuck`: by column, how much more of the window than before one value takes, over
    its limit: the same from 1 on.
    `report`: where its report will lie below FRAUD_HOME; null where none is made. `begin`, `end`: its first and last record time.
    `top`: the features that weigh most. `severity`: ok, warn or alarm, this window included. `interval`: [begin, end) of its event
    time, null by count. `late`: how many of its events are from before. What has a default is missing in the events of earlier versions.
    """

    window: int
    offsets: dict[str, tuple[int, int]]
    events: int
    partial: bool
    score: float | None
    detected: bool | None
    report: str | None
    model_version: str
    closed_at: datetime
    distances: dict[str, float]
    begin: datetime | None = None
    end: datetime | None = None
    top: list[Ranked] = []
    alerts: AlertRate | None = None
    severity: str | None = None
    interval: tuple[datetime, datetime] | None = None
    late: int = 0
    from_reference: dict[str, float] = {}
    tail: float | None = None
    limits: dict[str, float] = {}
    stuck: dict[str, float] = {}

    @property
    def bounds(self) -> tuple[Offsets, Offsets]:
        """Its first offsets and those behind its last, by partition: what `streams.kafka.reader.read` is to read."""
        spans = {int(partition): span for partition, span in self.offsets.items()}
        return {partition: begin for partition, (begin, _) in spans.items()}, {
            partition: end for partition, (_, end) in spans.items()
        }


class WindowLabelled(msgspec.Struct, kw_only=True, frozen=True, tag_field="kind", tag="labels"):
    """What a window's payments came to by the labels that had arrived `horizon_seconds` after its end.

    Written at least once: where a window has two, the last one counts. `frauds_rose`: whether this window and the one before hold more
    frauds than those before them explain; null where that is unknown.
    """

    window: int
    judged_at: datetime
    horizon_seconds: float
    quality: Quality
    frauds_rose: bool | None = None


class SeverityChanged(msgspec.Struct, kw_only=True, frozen=True, tag_field="kind", tag="severity"):
    """With this window the severity became another: what somebody is to be told. Written with the window, or not at all."""

    window: int
    before: str
    after: str
    at: datetime
    score: float | None
    top: list[Ranked]
    alerts: AlertRate | None
    report: str | None


def changed(event: WindowClosed, before: str) -> SeverityChanged:
    """What is to be told of a window that brought another severity than `before`."""
    return SeverityChanged(
        window=event.window,
        before=before,
        after=event.severity or before,
        at=event.closed_at,
        score=event.score,
        top=event.top,
        alerts=event.alerts,
        report=event.report,
    )


Event = WindowClosed | WindowLabelled | SeverityChanged
_KINDS: dict[str, type[Event]] = {
    "window": WindowClosed,
    "labels": WindowLabelled,
    "severity": SeverityChanged,
}


class _Kind(msgspec.Struct):
    kind: str = "window"


def decoded(values: Iterable[bytes | None]) -> Iterator[Event]:
    """The events that these values of `drift.events` are; kinds that nobody knows are left out."""
    for value in values:
        kind = _KINDS.get(msgspec.json.decode(value, type=_Kind).kind) if value else None
        if value and kind:
            yield msgspec.json.decode(value, type=kind)


def windows(values: Iterable[bytes | None]) -> Iterator[WindowClosed]:
    """The windows among the values of `drift.events`."""
    return (event for event in decoded(values) if isinstance(event, WindowClosed))


def recent_windows(connection: Connection, verdicts: int) -> list[WindowClosed]:
    """The last windows on `drift.events`, in their order: so many with a verdict at least, or all that there are.

    Raises KafkaException, streams.kafka.cluster.ReadingError.
    """
    cluster = Cluster(connection)
    first, end = cluster.earliest(DRIFT_EVENTS, [0])[0], cluster.end(DRIFT_EVENTS, [0])[0]
    return last_windows(partial(_values, connection), first, end, verdicts)


def last_windows(
    values: Callable[[int, int], Iterable[bytes | None]], first: int, end: int, verdicts: int
) -> list[WindowClosed]:
    """The same of a topic whose `values` from one offset to another can be read: further back each time, for many labels come at once."""
    found: list[WindowClosed] = []
    begin, length = end, _TAIL
    while begin > first and sum(event.detected is not None for event in found) < verdicts:
        behind, begin = begin, max(first, begin - length)
        found = [*windows(values(begin, behind)), *found]
        length *= 2
    return found


def all_windows(connection: Connection) -> Iterator[WindowClosed]:
    """Every window on `drift.events`, in their order. Raises KafkaException, streams.kafka.cluster.ReadingError."""
    cluster = Cluster(connection)
    return windows(
        _values(
            connection, cluster.earliest(DRIFT_EVENTS, [0])[0], cluster.end(DRIFT_EVENTS, [0])[0]
        )
    )


def events_since(connection: Connection, at: datetime) -> Iterator[Event]:
    """The events that were written since then. Raises KafkaException, streams.kafka.cluster.ReadingError."""
    cluster = Cluster(connection)
    end = cluster.end(DRIFT_EVENTS, [0])
    return decoded(_values(connection, cluster.since(DRIFT_EVENTS, end, at)[0], end[0]))


def _values(connection: Connection, begin: int, end: int) -> Iterator[bytes | None]:
    batches = reader.read(connection, DRIFT_EVENTS, {0: begin}, {0: end})
    return (message.value() for batch in batches for message in batch)
