"""The newest alerts with their labels, in memory.

Nothing is persisted: `api.alert_feed` fills the store from `alerts` and `labels` at each start.
"""

import secrets
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from payments.labels import LabelRules, is_about, read_entities
from payments.masking import Mask
from payments.schema.reading import Schema

WINDOWS = 60  # drift windows, as many as the console plots
SIZE = 2_000  # alerts: about 6 MB at 3 KB each, and more than one person reviews in a day
# A replay labels every transaction with the dataset's class, which would show analysts the answer.
UNSEEN_SOURCE = "replay"


@dataclass(frozen=True)
class ArrivedLabel:
    """A label as LabelRules of payments.labels decodes it, masked, and its weight there.

    `arrived_ms`: since 1970.
    """

    record: Any
    arrived_ms: int
    weight: int

    def replaces(self, current: "ArrivedLabel | None") -> bool:
        """Return whether this label, which was read later, counts instead of `current`."""
        return current is None or self.weight >= current.weight


@dataclass(frozen=True)
class Item:
    """One alert and the label about it that counts, both masked.

    `entities`: the payment's values of the schema's entities, not masked. `position` is the alert's
    "partition-offset" on `alerts`, `raised_ms` its record time in ms since 1970; `change` numbers
    the store's change that produced this item.
    """

    position: str
    alert: Any  # payments.records.KeptAlertRecord
    entities: dict[str, str]
    raised_ms: int
    arrived_label: ArrivedLabel | None = None
    change: int = 0

    @property
    def label(self) -> Any:
        """The label's record, or None."""
        return self.arrived_label.record if self.arrived_label else None

    def is_older_than(self, label: ArrivedLabel) -> bool:
        """Return whether a label with the id and key of this alert can be about it."""
        by_analyst = label.record.source == "analyst"
        made_ms = _to_ms(self.alert.event_time)
        return is_about(by_analyst, label.arrived_ms, made_ms, self.raised_ms)

    def encode(self) -> bytes:
        """Return JSON: the alert's fields, with the transaction unchanged, `position`, `label`."""
        added = msgspec.json.encode({"position": self.position, "label": self.label})
        return msgspec.json.encode(self.alert)[:-1] + b"," + added[1:]


class DriftWindow(msgspec.Struct, frozen=True):
    """A window on `drift.events`; score and verdict are null if it had too few events."""

    window: int
    score: float | None
    detected: bool | None
    closed_at: datetime


class AlertStore:
    """Holds at most `size` alerts of a schema with their labels, masked. Thread-safe.

    Keeps the newer half. Of the older half it drops labelled alerts first, then the one with the
    smallest expected loss.
    """

    def __init__(self, schema: Schema, size: int = SIZE) -> None:
        self._schema = schema
        self._mask = Mask(schema)
        self._rules = LabelRules(schema)
        self._size = size
        self._lock = threading.Lock()
        self._items: OrderedDict[str, Item] = OrderedDict()
        # Positions by transaction: with a scan for each label, a flood of labels would slow down
        # every request.
        self._positions: dict[str, list[str]] = {}
        # Labels by transaction and key, for alerts that are read later: topics are consumed in
        # no particular order.
        self._labels: OrderedDict[tuple[str, str | None], ArrivedLabel] = OrderedDict()
        self._changes = 0
        self.start = secrets.token_hex(4)  # identifies this store: numbers restart with each one
        self._windows: deque[DriftWindow] = deque(maxlen=WINDOWS)

    def add_alert(self, position: str, alert: Any, raised_ms: int) -> None:
        """Add an alert with its record time; no-op if its position is present."""
        entities = read_entities(bytes(alert.transaction), self._schema)
        item = Item(position, self._mask.mask_alert(alert), entities, raised_ms)
        with self._lock:
            if position in self._items:
                return
            for owner in {None, self._get_key(item)}:
                label = self._labels.get((alert.transaction_id, owner))
                if label and item.is_older_than(label) and label.replaces(item.arrived_label):
                    item = replace(item, arrived_label=label)
            self._put(item)
            self._positions.setdefault(alert.transaction_id, []).append(position)
            if len(self._items) > self._size:
                older = islice(self._items.values(), len(self._items) - self._size // 2)
                self._drop(min(older, key=_rank_alert))

    def add_label(self, value: bytes, arrived_ms: int) -> None:
        """Add a label, as JSON, to the alerts that it is about; LabelRules say which one counts.

        Call it in the order of the topic, because of two labels with the same weight the later one
        counts. Ignores UNSEEN_SOURCE. Raises as LabelRules.decode does.
        """
        record = self._rules.decode(value)
        if record.source == UNSEEN_SOURCE:
            return
        owner = self._rules.get_key(record)
        weight = self._rules.weigh(record, arrived_ms)
        label = ArrivedLabel(self._mask.mask_label(record), arrived_ms, weight)
        key = (record.transaction_id, owner)
        with self._lock:
            if label.replaces(self._labels.get(key)):
                self._labels[key] = label
                if len(self._labels) > self._size:
                    self._labels.popitem(last=False)
            items = [
                item
                for item in self._list_alerts_of(record.transaction_id)
                if owner in (None, self._get_key(item)) and item.is_older_than(label)
            ]
            for item in items:
                if label.replaces(item.arrived_label):
                    self._put(replace(item, arrived_label=label))

    def add_window(self, window: DriftWindow) -> None:
        """Add a drift window; no-op if present."""
        with self._lock:
            if window not in self._windows:
                self._windows.append(window)

    def clear(self) -> None:
        """Forget everything. Clients that reconnect get all of what is added afterwards."""
        with self._lock:
            self._items.clear()
            self._positions.clear()
            self._labels.clear()
            self._windows.clear()
            self.start = secrets.token_hex(4)

    def list_windows(self) -> list[DriftWindow]:
        """Return the last WINDOWS windows in the order they were closed."""
        with self._lock:
            return list(self._windows)

    def list_items(self) -> list[Item]:
        """Return all items, newest first by time of scoring."""
        with self._lock:
            items = list(self._items.values())
        return sorted(items, key=lambda item: item.alert.scored_at, reverse=True)

    def list_changes(self, after: int) -> list[Item]:
        """Return the items added or labelled after change number `after`, in order of change."""
        with self._lock:
            if self._changes <= after:
                return []
            items = [item for item in self._items.values() if item.change > after]
        return sorted(items, key=lambda item: item.change)

    def find(self, transaction_id: str | None, position: str | None = None) -> Item | None:
        """Return the alert at a position, the last one of a transaction, or None if not listed."""
        with self._lock:
            if transaction_id is None:
                return self._items.get(position or "")
            items = self._list_alerts_of(transaction_id)
        return next((item for item in reversed(items) if position in (None, item.position)), None)

    def _get_key(self, item: Item) -> str | None:
        return item.entities.get(self._schema.roles.key)

    def _list_alerts_of(self, transaction_id: str) -> list[Item]:
        return [self._items[position] for position in self._positions.get(transaction_id, ())]

    def _drop(self, item: Item) -> None:
        del self._items[item.position]
        positions = self._positions[item.alert.transaction_id]
        positions.remove(item.position)
        if not positions:
            del self._positions[item.alert.transaction_id]

    def _put(self, item: Item) -> None:
        self._changes += 1
        self._items[item.position] = replace(item, change=self._changes)


def _rank_alert(item: Item) -> tuple[bool, float]:
    return item.label is None, item.alert.expected_loss


def _to_ms(at: datetime) -> float:
    return at.timestamp() * 1000
