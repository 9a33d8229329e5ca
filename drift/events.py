"""Declare and read the events on `drift.events`, which `kind` tells apart."""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial

import msgspec

from drift.detect.impact import AlertRate, Ranked
from drift.quality import Quality
from streams.kafka import reader
from streams.kafka.cluster import Cluster, Offsets
from streams.kafka.connection import Connection
from streams.kafka.newest import look_back
from streams.kafka.topics import DRIFT_EVENTS

log = logging.getLogger(__name__)

# A thousand windows, as many label events and some changes of severity: one read is enough if
# labels arrive steadily.
_TAIL = 2_500


class WindowClosed(msgspec.Struct, kw_only=True, frozen=True, tag_field="kind", tag="window"):
    """A closed window.

    `offsets`: [start, end) of `predictions` by partition. `score`, `detected`: null without a
    verdict. `distances`: by column, from the windows before it; `limits`: the distances from which
    a column has drifted; `from_reference`: distances from the model's reference; all in standard
    deviations, or shares if the column is a category. `beyond_reference`: the columns whose
    distance from the reference reaches its limit. `high_scores`: the share of scores at or above
    the reference's 99th percentile, relative to the reference's. `shifted`: the columns that have
    been away from the reference for ten windows; `reference_severity`: warn if only inputs have,
    alarm if the scores have, else ok; neither counts towards `detected` and `severity`. `tail`:
    surprise of the margin's tail divided by its limit; 1 or more counts as drift, whatever the
    score. `stuck`: by column, how much more of the window than before one value takes, divided by
    its limit; 1 or more counts as drift. `report`: the path of its report below FRAUD_HOME; null if
    none is written. `begin`, `end`: its first and last record time. `top`: the features with the
    largest weight. `severity`: ok, warn or alarm, including this window. `interval`: [begin, end)
    of its event time; null for windows by count. `late`: number of events from before that
    interval. `outliers`: by column, the number of values so far outside of the reference that they
    were limited. `topic_id`: id of the `predictions` whose offsets these are; a topic that is
    recreated gets another. `shares`: by column, the share of payments whose feature is missing, or
    has a value that training gave no code; absent if the schema has neither optional features nor
    categories. Fields with a default are missing in events of earlier versions.
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
    topic_id: str | None = None
    outliers: dict[str, int] = {}
    beyond_reference: tuple[str, ...] = ()
    high_scores: float | None = None
    shifted: tuple[str, ...] = ()
    reference_severity: str | None = None
    shares: dict[str, float] | msgspec.UnsetType = msgspec.UNSET

    def list_drifted(self) -> list[str]:
        """Return the columns at or over a limit, farthest first."""
        ratios = {
            name: max(distance / limit, self.stuck.get(name, 0.0))
            for name, distance in self.distances.items()
            if (limit := self.limits.get(name))
        }
        if self.tail is not None and "margin" in ratios:
            ratios["margin"] = max(ratios["margin"], self.tail)
        return sorted(
            (name for name in ratios if ratios[name] >= 1), key=lambda name: -ratios[name]
        )

    def is_of(self, topic_id: str) -> bool:
        """Return whether the offsets are those of the topic with this id, as far as is known."""
        return self.topic_id in (None, topic_id)

    @property
    def bounds(self) -> tuple[Offsets, Offsets]:
        """Return the start and end offsets by partition, for `streams.kafka.reader.read`."""
        begin = {int(partition): start for partition, (start, _) in self.offsets.items()}
        end = {int(partition): stop for partition, (_, stop) in self.offsets.items()}
        return begin, end


class WindowLabelled(msgspec.Struct, kw_only=True, frozen=True, tag_field="kind", tag="labels"):
    """A window's outcomes, by the labels that arrived within `horizon_seconds` of its end.

    Written at least once; of several for a window, the last one counts. `frauds_rose`: whether this
    window and the one before have more frauds than the windows before them explain; null if
    unknown.
    """

    window: int
    judged_at: datetime
    horizon_seconds: float
    quality: Quality
    frauds_rose: bool | None = None


class SeverityChanged(msgspec.Struct, kw_only=True, frozen=True, tag_field="kind", tag="severity"):
    """A change of severity, to notify people about. Written in one transaction with its window."""

    window: int
    before: str
    after: str
    at: datetime
    score: float | None
    top: list[Ranked]
    alerts: AlertRate | None
    report: str | None


def compare_severity(event: WindowClosed, before: str) -> SeverityChanged:
    """Return the change of severity that a window brings, from `before`."""
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


def decode(values: Iterable[bytes | None]) -> Iterator[Event]:
    """Yield the events in these values of `drift.events`.

    Skip unknown kinds, and values that are no events, because any client may write to the topic.
    """
    skipped = 0
    for value in values:
        try:
            kind = _KINDS.get(msgspec.json.decode(value or b"", type=_Kind).kind)
            event = msgspec.json.decode(value or b"", type=kind) if kind else None
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            skipped += 1
            continue
        if event is not None:
            yield event
    if skipped:
        records = "record" if skipped == 1 else "records"
        log.warning("skipped %d %s of drift.events: not events", skipped, records)


def decode_windows(values: Iterable[bytes | None]) -> Iterator[WindowClosed]:
    """Yield the closed windows among these values of `drift.events`."""
    return (event for event in decode(values) if isinstance(event, WindowClosed))


def read_recent_windows(connection: Connection, verdicts: int) -> list[WindowClosed]:
    """Return the last windows on `drift.events`, in order.

    They include at least `verdicts` windows with a verdict, or are all the windows there are.

    Raises KafkaException, streams.kafka.errors.ReadingError.
    """
    earliest, end = reader.find_range(Cluster(connection), DRIFT_EVENTS, [0])
    return collect_recent_windows(partial(_read_values, connection), earliest, end, verdicts)


def collect_recent_windows(
    read: Callable[[Offsets, Offsets], Iterable[bytes | None]],
    earliest: Offsets,
    end: Offsets,
    verdicts: int,
) -> list[WindowClosed]:
    """Do the work of `read_recent_windows`; `read` returns the values between two offsets."""
    recent: list[WindowClosed] = []
    for begin, until in look_back(earliest, end, _TAIL):
        recent = [*decode_windows(read(begin, until)), *recent]
        if sum(event.detected is not None for event in recent) >= verdicts:
            break
    return recent


def read_all_windows(connection: Connection) -> Iterator[WindowClosed]:
    """Yield every window on `drift.events`, in order.

    Raises KafkaException, streams.kafka.errors.ReadingError.
    """
    begin, end = reader.find_range(Cluster(connection), DRIFT_EVENTS, [0])
    return decode_windows(_read_values(connection, begin, end))


def read_events_since(connection: Connection, at: datetime) -> Iterator[Event]:
    """Yield the events written since `at`.

    Raises KafkaException, streams.kafka.errors.ReadingError.
    """
    begin, end = reader.find_range(Cluster(connection), DRIFT_EVENTS, [0], at)
    return decode(_read_values(connection, begin, end))


def _read_values(connection: Connection, begin: Offsets, end: Offsets) -> Iterator[bytes | None]:
    batches = reader.read(connection, DRIFT_EVENTS, begin, end)
    return (message.value() for batch in batches for message in batch)
