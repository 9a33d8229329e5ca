"""What the monitor finds, as it is written to `drift.events`, and where the numbering of windows stands."""

from datetime import datetime

import msgspec

from streams import reading
from streams.cluster import Cluster
from streams.connection import Connection
from streams.topics import DRIFT_EVENTS

# The last window stands among the last events of the topic; where it does not, the whole topic is read.
_TAIL = 1_000


class WindowClosed(msgspec.Struct, kw_only=True, frozen=True):
    """One window: `offsets` [start, end) of `predictions` by partition; `score` and `detected` are null where there is no verdict."""

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


class _Numbered(msgspec.Struct):
    window: int | None = None


def last_window(connection: Connection) -> int:
    """The number of the last window on `drift.events`, 0 where there is none. Raises KafkaException, streams.cluster.ReadingError."""
    cluster = Cluster(connection)
    first, end = cluster.earliest(DRIFT_EVENTS, [0])[0], cluster.end(DRIFT_EVENTS, [0])[0]
    return _last_between(connection, max(first, end - _TAIL), end) or _last_between(connection, first, end)


def _last_between(connection: Connection, begin: int, end: int) -> int:
    batches = reading.read(connection, DRIFT_EVENTS, {0: begin}, {0: end})
    values = (message.value() for batch in batches for message in batch)
    return max((msgspec.json.decode(value, type=_Numbered).window or 0 for value in values if value), default=0)
