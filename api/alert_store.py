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

from payments.labels import is_about
from payments.masking import Mask
from payments.members import get_member
from payments.schema.reading import Schema

WINDOWS = 60  # drift windows, as many as the console plots
SIZE = 2_000  # alerts: about 6 MB at 3 KB each, and more than one person reviews in a day
# A replay labels every transaction with the dataset's class, which would show analysts the answer.
REVIEWERS = ("analyst", "chargeback")


def read_account(transaction: bytes, schema: Schema) -> str | None:
    """Return the message key of a transaction, None if it has none."""
    try:
        document = msgspec.json.decode(transaction)
    except msgspec.DecodeError:
        return None
    key = get_member(document, schema.fields[schema.roles.key].find_parts(schema.roles.key))
    return key if isinstance(key, str) else None


@dataclass(frozen=True)
class ArrivedLabel:
    """A LabelRecord of payments.records, and when it arrived, in ms since 1970."""

    record: Any
    arrived_ms: int

    @property
    def date_ms(self) -> float:
        """Return when the label was given: no later than it arrived, whatever it says."""
        return min(_to_ms(self.record.labelled_at), self.arrived_ms)

    def replaces(self, current: "ArrivedLabel | None") -> bool:
        """Return whether this label, which was read later, counts instead of `current`."""
        return current is None or self.date_ms >= current.date_ms


@dataclass(frozen=True)
class Item:
    """One alert and the last label about it, both masked, and the payment's `account`.

    `position` is the alert's "partition-offset" on `alerts`, `raised_ms` its record time in ms
    since 1970; `change` numbers the store's change that produced this item.
    """

    position: str
    alert: Any  # payments.records.KeptAlertRecord
    account: str | None
    raised_ms: int
    arrived_label: ArrivedLabel | None = None
    change: int = 0

    @property
    def label(self) -> Any:
        """The label's LabelRecord of payments.records, or None."""
        return self.arrived_label.record if self.arrived_label else None

    def is_older_than(self, label: ArrivedLabel) -> bool:
        """Return whether a label with the id and account of this alert can be about it."""
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
        self._size = size
        self._lock = threading.Lock()
        self._items: OrderedDict[str, Item] = OrderedDict()
        # Positions by transaction: with a scan for each label, a flood of labels would slow down
        # every request.
        self._positions: dict[str, list[str]] = {}
        # Labels by transaction and account, for alerts that are read later: topics are consumed in
        # no particular order.
        self._labels: OrderedDict[tuple[str, str | None], ArrivedLabel] = OrderedDict()
        self._changes = 0
        self.start = secrets.token_hex(4)  # identifies this store: numbers restart with each one
        self._windows: deque[DriftWindow] = deque(maxlen=WINDOWS)

    def add_alert(self, position: str, alert: Any, raised_ms: int) -> None:
        """Add an alert with its record time; no-op if its position is present."""
        account = read_account(bytes(alert.transaction), self._schema)
        item = Item(position, self._mask.mask_alert(alert), account, raised_ms)
        with self._lock:
            if position in self._items:
                return
            for owner in {None, account}:
                label = self._labels.get((alert.transaction_id, owner))
                if label and item.is_older_than(label) and label.replaces(item.arrived_label):
                    item = replace(item, arrived_label=label)
            self._put(item)
            self._positions.setdefault(alert.transaction_id, []).append(position)
            if len(self._items) > self._size:
                older = islice(self._items.values(), len(self._items) - self._size // 2)
                self._drop(min(older, key=_rank_alert))

    def add_label(self, record: Any, arrived_ms: int) -> None:
        """Add a label to the alerts that it is about; the latest date wins.

        Call it in the order of the topic, because of two labels with the same date the later one
        wins. Ignores other sources than REVIEWERS.
        """
        if record.source not in REVIEWERS:
            return
        label = ArrivedLabel(self._mask.mask_label(record), arrived_ms)
        key = (record.transaction_id, record.account_id)
        with self._lock:
            if label.replaces(self._labels.get(key)):
                self._labels[key] = label
                if len(self._labels) > self._size:
                    self._labels.popitem(last=False)
            items = [
                item
                for item in self._list_alerts_of(record.transaction_id)
                if record.account_id in (None, item.account) and item.is_older_than(label)
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
