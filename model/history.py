"""The features of history of a whole file, by the engine that the stream uses.

Payments count in the order of their event times; those of the same time in the order of the file.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from payments.arrays import Ints, Singles
from payments.schema.declaration import parse_span
from payments.schema.reading import Schema
from payments.state.columns import Columns
from payments.state.engine import Engine, find_late

_CHUNK = 1 << 15  # payments


class Frauds(NamedTuple):
    """Which rows are frauds, int64[n], and when each became known, int64[n] ms."""

    rows: Ints
    known_ms: Ints


def compute_history(
    schema: Schema,
    payments: Columns,
    frauds: Frauds,
    chunk: int = _CHUNK,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Singles:
    """Return the features of history of n payments of a file, float32[n, history].

    Shares of frauds count those that were known by the time of the payment. A payment that is more
    than a day older than one before it in the file sees itself alone, as in the stream. `progress`
    is called with the number of payments done, and of all.
    """
    engine = Engine(schema)
    order = np.argsort(payments.times, kind="stable")
    ordered = payments._replace(alone=find_late(payments.times)).take(order)
    due = _find_due(ordered.times, payments.times[frauds.rows], frauds.known_ms, schema)
    by_due = np.argsort(due, kind="stable")
    due = due[by_due]
    labelled = payments.take(frauds.rows[by_due])
    features = np.empty((len(order), len(engine.features)), np.float32)
    added = 0
    for first, end in _cut(len(order), chunk, due):
        known = int(np.searchsorted(due, first, "right"))
        if known > added:
            new = labelled.take(slice(added, known))
            engine.add_frauds(new.times, new.hashes)
            added = known
        features[order[first:end]] = engine.apply(ordered.take(slice(first, end)))
        engine.commit()
        progress(end, len(order))
    return features


def _find_due(times: Ints, paid: Ints, known: Ints, schema: Schema) -> Ints:
    """Return before which of the ordered payments each fraud has to be added.

    Windows end a delay ago, so a fraud that is known by then may be added any time before: at 0.
    """
    risks = schema.declaration.features.risk
    delay = min((parse_span(risk.delay) for risk in risks), default=0)
    return np.where(known <= paid + delay, 0, np.searchsorted(times, known, "left"))


def _cut(rows: int, chunk: int, due: Ints) -> Iterator[tuple[int, int]]:
    """Yield the ends of chunks that start wherever a fraud is due."""
    starts = np.union1d(np.arange(0, rows, chunk), due[due < rows])
    yield from zip(starts.tolist(), [*starts[1:].tolist(), rows], strict=True)
