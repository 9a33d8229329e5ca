"""The features of a schema's history in plain Python: slow, and read from their names alone."""

import re
from typing import NamedTuple

import numpy as np

from payments.schema.declaration import parse_span
from payments.state.columns import Columns

DAY = 86_400_000
NEWEST = 1024


class Payment(NamedTuple):
    time: int
    amount: int
    values: dict[str, int]  # field to hash; 0 is missing
    alone: bool = False


def make_columns(payments, fields):
    hashes = {name: [payment.values.get(name, 0) for payment in payments] for name in fields}
    return Columns(
        np.array([payment.time for payment in payments], np.int64),
        np.array([payment.amount for payment in payments], np.int64),
        {name: np.array(values, np.uint64) for name, values in hashes.items()},
        np.array([payment.alone for payment in payments], np.bool_),
    )


class Feature(NamedTuple):
    entity: str
    partner: str | None
    measure: str
    field: str | None
    window: int | None
    delay: int | None


def read_name(name, key):
    who, _, what = name.partition(".")
    fields = who.split("+")
    entity = key if key in fields else fields[0]
    partner = next((field for field in fields if field != entity), None)
    match = re.fullmatch(r"(\w+?)(?:\.([a-z]\w*))?(?:\.(\d+[smhd]))?(?:@(\d+[smhd]))?", what)
    measure, field, window, delay = match.groups()
    return Feature(
        entity,
        partner,
        measure,
        field,
        window and parse_span(window),
        None if delay is None else parse_span(delay),
    )


class Oracle:
    def __init__(self, schema):
        roles = schema.declaration.roles
        self.names = [each.name for each in schema.features if each.kind in ("velocity", "risk")]
        self.features = [read_name(name, roles.key) for name in self.names]
        self.scale = 10 ** schema.declaration.fields[roles.amount].decimals
        self.horizons, self.compared = {}, {}
        for each in self.features:
            reach = (each.window or 0) + (each.delay or 0)
            self.horizons[each.entity] = max(reach, self.horizons.get(each.entity, 0))
            self.compared.setdefault(each.entity, set()).update({each.partner, each.field} - {None})
        self.horizons = {name: (reach or 30 * DAY) + DAY for name, reach in self.horizons.items()}
        self.stored = {name: {} for name in self.horizons}  # all that was ever stored
        self.frauds = {name: {} for name in self.horizons}
        self.kept = []

    def _copy(self):
        return {
            name: {key: list(events) for key, events in entities.items()}
            for name, entities in self.stored.items()
        }

    def fold(self, payments):
        for payment in payments:
            for name in self.horizons:
                self._store(name, payment)

    def apply(self, payments):
        """Return the features of payments; each counts for those after it."""
        self.kept.append(self._copy())
        rows = np.full((len(payments), len(self.names)), np.nan, np.float32)
        for row, payment in zip(rows, payments, strict=True):
            seen = {name: self._store(name, payment) for name in self.horizons}
            for column, feature in enumerate(self.features):
                if seen[feature.entity] is not None:
                    row[column] = self._compute(feature, payment, *seen[feature.entity])
        return rows

    def commit(self):
        self.kept.pop(0)

    def rollback(self):
        if self.kept:
            self.stored = self.kept[0]
            self.kept = []

    def peek(self, payments):
        rows = self.apply(payments)
        self.stored = self.kept.pop()
        return rows

    def add_fraud(self, payment):
        for name, frauds in self.frauds.items():
            frauds.setdefault(payment.values.get(name, 0), []).append(payment.time)

    def remove_fraud(self, payment):
        for name, frauds in self.frauds.items():
            frauds[payment.values.get(name, 0)].remove(payment.time)

    def _store(self, entity, payment):
        """Return the payments in sight and what is just out of sight, or None if it is missing."""
        key = payment.values.get(entity, 0)
        if key == 0:
            return None
        events = self.stored[entity].setdefault(key, [])
        newest = max((each.time for each in [*events, payment]), default=payment.time)
        oldest = newest - self.horizons[entity]
        if payment.alone or payment.time <= oldest:
            return [payment], payment.time, True
        events.append(payment)
        return [each for each in events if oldest < each.time], oldest, False

    def _compute(self, feature, payment, events, oldest, alone):
        if feature.delay is not None:
            return self._compute_risk(feature, payment, events, oldest, alone)
        if feature.partner and not payment.values.get(feature.partner, 0):
            return np.nan
        seen = [each for each in events if each.time <= payment.time]
        newest = sorted(seen, key=lambda each: self._order(each, feature.entity))[-NEWEST:]
        if not any(each is payment for each in newest):
            newest.append(payment)
        if feature.partner or feature.measure in ("max", "distinct"):
            seen = newest
        if feature.partner:
            own = payment.values[feature.partner]
            seen = [each for each in seen if each.values.get(feature.partner, 0) == own]
        return self._measure(feature, payment, seen)

    def _measure(self, feature, payment, seen):
        others = [each.time for each in seen if each is not payment]
        if feature.measure == "since_last":
            return (payment.time - max(others)) / 1000 if others else np.nan
        seen = [each for each in seen if each.time > payment.time - feature.window]
        amounts = [each.amount for each in seen]
        total = float(sum(amounts))
        values = {
            "count": lambda: len(seen),
            "sum": lambda: total / self.scale,
            "mean": lambda: total / (len(seen) * self.scale),
            "max": lambda: max(amounts) / self.scale,
            "distinct": lambda: len({each.values.get(feature.field, 0) for each in seen} - {0}),
            "ratio": lambda: float(payment.amount) * len(seen) / total if total else np.nan,
        }
        return values[feature.measure]()

    def _compute_risk(self, feature, payment, events, oldest, alone):
        if alone:
            return 0 if feature.measure == "count" else np.nan
        end = payment.time - feature.delay
        begin = max(end - feature.window, oldest)
        count = sum(begin < each.time <= end for each in events)
        if feature.measure == "count":
            return count
        frauds = self.frauds[feature.entity].get(payment.values[feature.entity], [])
        found = sum(begin < time <= end for time in frauds)
        return min(1.0, found / count) if count else np.nan

    def _order(self, payment, entity):
        compared = sorted(self.compared[entity])
        hashes = [int(np.uint64(payment.values.get(name, 0)).view(np.int64)) for name in compared]
        return payment.time, payment.amount, *hashes
