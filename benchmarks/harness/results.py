"""Store results in one JSON file. Measuring a section again replaces it."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

Entry = dict[str, Any]


def format_now() -> str:
    """Return the time to the minute."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True)
class Results:
    """The file `results.json` in the bench's folder."""

    path: Path

    def load(self) -> Entry:
        """Return every measured section."""
        return dict(json.loads(self.path.read_text())) if self.path.exists() else {}

    def write(self, section: str, content: Any) -> None:
        """Replace one section and record the time."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        results = self.load()
        ended = results.get("ended", {}) | {section: format_now()}
        self.path.write_text(json.dumps(results | {section: content, "ended": ended}, indent=1))


@dataclass(frozen=True)
class Spread:
    """Median and range over several runs."""

    median: float
    low: float
    high: float


def summarize(values: Sequence[float]) -> Spread:
    """Return the median and range of at least one value."""
    return Spread(median(values), min(values), max(values))


def group_by(entries: Iterable[Entry], key: Callable[[Entry], Any]) -> dict[Any, list[Entry]]:
    """Group entries by key, in order of first appearance."""
    groups: dict[Any, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[key(entry)].append(entry)
    return groups
