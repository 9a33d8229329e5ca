"""What the monitor finds, as it is written to `drift.events`, and what stands there already. `kind` says which event it is."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from streams import reading
from streams.cluster import Cluster
from streams.connection import Connection
from streams.topics import DRIFT_EVENTS

# The last window stands among the last events of the topic; where it does not, the whole topic is read.
_TAIL = 1_000


class WindowClosed(msgspec.Struct, kw_only=True, frozen=True, tag_field="kind", tag="window"):
    """One window: `offsets` [start, end) of `predictions` by partition; `score` and `detected` are null where there is no verdict.

    `report`: where its report will lie below FRAUD_HOME; null where none is made. `begin`, `end`: its first and last record time;
    events of earlier versions have neither.
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


class _Kind(msgspec.Struct):
    kind: str = "window"


def windows(values: Iterable[bytes | None]) -> Iterator[WindowClosed]:
    """The windows among the values of `drift.events`."""
    for value in values:
        if value and msgspec.json.decode(value, type=_Kind).kind == "window":
            yield msgspec.json.decode(value, type=WindowClosed)


def recent_windows(connection: Connection) -> list[WindowClosed]:
    """The last windows on `drift.events`, in their order. Raises KafkaException, streams.cluster.ReadingError."""
    cluster = Cluster(connection)
    first, end = cluster.earliest(DRIFT_EVENTS, [0])[0], cluster.end(DRIFT_EVENTS, [0])[0]
    return _between(connection, max(first, end - _TAIL), end) or _between(connection, first, end)


def _between(connection: Connection, begin: int, end: int) -> list[WindowClosed]:
    batches = reading.read(connection, DRIFT_EVENTS, {0: begin}, {0: end})
    return list(windows(message.value() for batch in batches for message in batch))
