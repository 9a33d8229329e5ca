"""What was measured, in one JSON file: each section is replaced when it is measured again."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

Entry = dict[str, Any]


@dataclass(frozen=True)
class Results:
    """The file `results.json` under the bench's folder."""

    path: Path

    def all(self) -> Entry:
        """Every section that was measured."""
        return dict(json.loads(self.path.read_text())) if self.path.exists() else {}

    def write(self, section: str, content: Any) -> None:
        """Replaces one section, and notes when."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        known = self.all()
        ended = known.get("ended", {}) | {section: f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"}
        self.path.write_text(json.dumps(known | {section: content, "ended": ended}, indent=1))


@dataclass(frozen=True)
class Spread:
    """Median and range over runs."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Of one value or more."""
    return Spread(median(values), min(values), max(values))


def by(entries: Iterable[Entry], key: Callable[[Entry], Any]) -> dict[Any, list[Entry]]:
    """Groups entries, in the order in which each group came first."""
    groups: dict[Any, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[key(entry)].append(entry)
    return groups
