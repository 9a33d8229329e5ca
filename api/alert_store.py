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

WINDOWS = 60  # drift windows, as many as the console plots
SIZE = 2_000  # alerts: about 6 MB at 3 KB each, and more than one person reviews in a day
# A replay labels every transaction with the dataset's class, which would show analysts the answer.
REVIEWERS = ("analyst", "chargeback")


@dataclass(frozen=True)
class Item:
    """One alert and the last label of its transaction.

    `position` is the alert's "partition-offset" on `alerts`; `change` numbers the store's change
    that produced this item.
    """

    position: str
    alert: Any  # payments.records.AlertRecord
    label: Any = None  # payments.records.LabelRecord
    change: int = 0

    def encode(self) -> bytes:
        """Return JSON: the alert's fields, with the transaction unchanged, `position`, `label`."""
        return msgspec.json.encode(
            msgspec.structs.asdict(self.alert) | {"position": self.position, "label": self.label}
        )


class DriftWindow(msgspec.Struct, frozen=True):
    """A window on `drift.events`; score and verdict are null if it had too few events."""

    window: int
    score: float | None
    detected: bool | None
    closed_at: datetime


class AlertStore:
    """Holds at most `size` alerts with their labels. Thread-safe.

    Keeps the newer half. Of the older half it drops labelled alerts first, then the one with the
    smallest expected loss.
    """

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._items: OrderedDict[str, Item] = OrderedDict()
        # Labels read before their alert: topics are consumed in no particular order.
        self._early_labels: OrderedDict[str, Any] = OrderedDict()
        self._changes = 0
        self.start = secrets.token_hex(4)  # identifies this store: numbers restart with each one
        self._windows: deque[DriftWindow] = deque(maxlen=WINDOWS)

    def add_alert(self, position: str, alert: Any) -> None:
        """Add an alert; no-op if its position is present."""
        with self._lock:
            if position in self._items:
                return
            self._put(Item(position, alert, self._early_labels.get(alert.transaction_id)))
            if len(self._items) > self._size:
                older = islice(self._items.values(), len(self._items) - self._size // 2)
                del self._items[min(older, key=_rank).position]

    def add_label(self, label: Any) -> None:
        """Add a label; the latest `labelled_at` wins. Ignores other sources than REVIEWERS."""
        if label.source not in REVIEWERS:
            return
        transaction_id = label.transaction_id
        with self._lock:
            if _is_newer(label, self._early_labels.get(transaction_id)):
                self._early_labels[transaction_id] = label
                if len(self._early_labels) > self._size:
                    self._early_labels.popitem(last=False)
            items = [
                item for item in self._items.values() if item.alert.transaction_id == transaction_id
            ]
            for item in items:
                if _is_newer(label, item.label):
                    self._put(replace(item, label=label))

    def add_window(self, window: DriftWindow) -> None:
        """Add a drift window; no-op if present."""
        with self._lock:
            if window not in self._windows:
                self._windows.append(window)

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

    def find(self, transaction_id: str) -> Item | None:
        """Return the last alert of a transaction, or None."""
        with self._lock:
            for item in reversed(self._items.values()):
                if item.alert.transaction_id == transaction_id:
                    return item
        return None

    def _put(self, item: Item) -> None:
        self._changes += 1
        self._items[item.position] = replace(item, change=self._changes)


def _rank(item: Item) -> tuple[bool, float]:
    return item.label is None, item.alert.expected_loss


def _is_newer(label: Any, current: Any) -> bool:
    return current is None or label.labelled_at >= current.labelled_at
