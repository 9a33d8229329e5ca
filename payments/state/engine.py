"""The history of all entities of a schema, and the features that it gives payments."""

from collections.abc import Mapping

import numpy as np

from payments.arrays import Flags, Hashes, Ints, Singles
from payments.schema.reading import Schema
from payments.state.columns import Columns, check_columns
from payments.state.plan import LATENESS_MS, make_plans
from payments.state.store import Store

BEFORE_ALL = -(1 << 62)
"""Before any event time, in ms since 1970."""


def find_late(times: Ints, newest: int = BEFORE_ALL) -> Flags:
    """Return which payments, in the order in which they came, are too late to see others.

    `newest`: the newest event time before them.
    """
    return times < np.maximum.accumulate(np.maximum(times, newest)) - LATENESS_MS


class Engine:
    """Computes the features of a schema that need history. One thread only.

    A batch counts at once, for the payments of later batches too, and can be taken back until it is
    final: `commit` makes the oldest one final, `rollback` takes all others back. What a payment
    sees depends on the set of the payments applied before it, not on their order or batches.

    A payment sees the payments of its entity in (its time - window, its time], itself included, and
    nothing older than the entity's newest payment minus the horizon: the longest window with its
    delay, and a day. A payment that is older than that itself sees only itself and is not stored.

    `features`: names of the columns that `apply` returns. `fields`: the fields whose hashes it
    needs; `risk_fields`: those that it needs of frauds. `horizon_ms`: the longest horizon.
    """

    def __init__(self, schema: Schema) -> None:
        self.features = schema.history_features
        self._stores = [Store(plan) for plan in make_plans(schema)]
        self.fields = schema.history_fields
        self._risk_stores = [store for store in self._stores if len(store.plan.kernel.risks)]
        self.risk_fields = tuple(store.plan.entity for store in self._risk_stores)
        self.horizon_ms = max((store.plan.kernel.horizon for store in self._stores), default=0)
        self._pending = 0

    def apply(self, columns: Columns) -> Singles:
        """Store payments one after the other. Returns float32[rows, features]; NaN is missing."""
        features = np.full((len(columns.times), len(self.features)), np.nan, np.float32)
        self._fold(columns, features)
        return features

    def fold(self, columns: Columns) -> None:
        """Store payments without computing features, as when a state is restored."""
        self._fold(columns, np.empty((0, len(self.features)), np.float32))

    def _fold(self, columns: Columns, features: Singles) -> None:
        check_columns(columns, self.fields)
        self._pending += 1
        for store in self._stores:
            store.apply(columns, features)

    def commit(self) -> None:
        """Make the oldest batch final. Raises RuntimeError if there is none."""
        if not self._pending:
            raise RuntimeError("every batch is final already")
        self._pending -= 1
        for store in self._stores:
            store.commit()

    def rollback(self) -> None:
        """Take back all batches that are not final."""
        for store in self._stores:
            store.rollback()
        self._pending = 0

    def peek(self, columns: Columns) -> Singles:
        """Return the features that payments would have, and leave the state as it is."""
        features = self.apply(columns)
        self._pending -= 1
        for store in self._stores:
            store.undo()
        return features

    def add_frauds(self, times: Ints, hashes: Mapping[str, Hashes]) -> None:
        """Add payments that are known to be frauds: event times, and hashes of `risk_fields`.

        They count at once, and no rollback takes them back. Add each fraud once.
        """
        check_columns(Columns(times, times, hashes), self.risk_fields)
        for store in self._risk_stores:
            store.add_frauds(hashes[store.plan.entity], times)

    def remove_frauds(self, times: Ints, hashes: Mapping[str, Hashes]) -> None:
        """Take out frauds, as they were added, that turned out to be none."""
        check_columns(Columns(times, times, hashes), self.risk_fields)
        for store in self._risk_stores:
            store.remove_frauds(hashes[store.plan.entity], times)

    def sweep(self, watermark_ms: int, places: int = 1 << 62) -> None:
        """Forget the entities that no payment from a day before the watermark on can see.

        The caller applies no older payment but `alone`. A call looks at so many places of each
        table and the next one goes on from there, so that no call has to take long.
        """
        for store in self._stores:
            store.sweep(watermark_ms, places)

    @property
    def memory_bytes(self) -> dict[str, int]:
        """Bytes of the state of each entity field, including what is reserved for more."""
        return {store.plan.entity: store.memory_bytes for store in self._stores}

    @property
    def entities(self) -> dict[str, int]:
        """How many entities of each field have payments."""
        return {store.plan.entity: store.entities for store in self._stores}
