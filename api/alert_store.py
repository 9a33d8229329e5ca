"""The analyst's desk: the newest alerts, the dearest that nobody has judged, and what people found out about them, in memory.

Nothing is kept here: a start fills it from `alerts` and `labels` again (api.alert_feed).
"""

import secrets
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

WINDOWS = 60  # of drift, as many as the page plots
SIZE = 2_000  # alerts; at 3 KB each some 6 MB, and more than a person looks at in a day
# A replay labels everything with the dataset's own class: on the desk that would tell the answer before anybody has looked.
JUDGES = ("analyst", "chargeback")


@dataclass(frozen=True)
class Item:
    """One alert and the last judgement about its transaction. `position` says where it stands on `alerts`: partition-offset."""

    position: str
    alert: Any  # payments.records.AlertRecord
    label: Any = None  # payments.records.LabelRecord
    change: int = 0  # the number of the desk's change that made it so

    def encode(self) -> bytes:
        """JSON: the alert's fields as on the topic, the transaction byte for byte, then `position` and `label`."""
        return msgspec.json.encode(
            msgspec.structs.asdict(self.alert) | {"position": self.position, "label": self.label}
        )


class DriftWindow(msgspec.Struct, frozen=True):
    """What the page shows of a window on `drift.events`; score and verdict are null where a window had too few events."""

    window: int
    score: float | None
    detected: bool | None
    closed_at: datetime


class AlertStore:
    """At most `size` alerts with their judgements. Safe to use from several threads.

    The newer half stays. Of the others a judged one leaves first, then the one with the smallest expected loss.
    """

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._items: OrderedDict[str, Item] = OrderedDict()
        self._early: OrderedDict[str, Any] = (
            OrderedDict()
        )  # labels that came before their alert: the topics are read side by side
        self._changes = 0
        self.start = secrets.token_hex(4)  # the numbers of changes begin again with each desk
        self._windows: deque[DriftWindow] = deque(maxlen=WINDOWS)

    def add_alert(self, position: str, alert: Any) -> None:
        """One more alert; one that is there already is left as it is."""
        with self._lock:
            if position in self._items:
                return
            self._put(Item(position, alert, self._early.get(alert.transaction_id)))
            if len(self._items) > self._size:
                older = islice(self._items.values(), len(self._items) - self._size // 2)
                del self._items[min(older, key=_worth).position]

    def add_label(self, label: Any) -> None:
        """A judgement about a transaction; the last `labelled_at` wins. Others than those of JUDGES do not count here."""
        if label.source not in JUDGES:
            return
        with self._lock:
            if _newer(label, self._early.get(label.transaction_id)):
                self._early[label.transaction_id] = label
                if len(self._early) > self._size:
                    self._early.popitem(last=False)
            for item in [
                item
                for item in self._items.values()
                if item.alert.transaction_id == label.transaction_id
            ]:
                if _newer(label, item.label):
                    self._put(replace(item, label=label))

    def add_window(self, window: DriftWindow) -> None:
        """One more window; one that is there already is left out."""
        with self._lock:
            if window not in self._windows:
                self._windows.append(window)

    def windows(self) -> list[DriftWindow]:
        """The last WINDOWS, in the order in which they were closed."""
        with self._lock:
            return list(self._windows)

    def items(self) -> list[Item]:
        """All of them, the newest first by the time of scoring."""
        with self._lock:
            items = list(self._items.values())
        return sorted(items, key=lambda item: item.alert.scored_at, reverse=True)

    def changed(self, after: int) -> list[Item]:
        """What is new, or newly judged, since change number `after`, in the order of the changes."""
        with self._lock:
            if self._changes <= after:
                return []
            items = [item for item in self._items.values() if item.change > after]
        return sorted(items, key=lambda item: item.change)

    def find(self, transaction_id: str) -> Item | None:
        """The last alert about a transaction."""
        with self._lock:
            return next(
                (
                    item
                    for item in reversed(self._items.values())
                    if item.alert.transaction_id == transaction_id
                ),
                None,
            )

    def _put(self, item: Item) -> None:
        self._changes += 1
        self._items[item.position] = replace(item, change=self._changes)


def _worth(item: Item) -> tuple[bool, float]:
    return item.label is None, item.alert.expected_loss


def _newer(label: Any, known: Any) -> bool:
    return known is None or label.labelled_at >= known.labelled_at
