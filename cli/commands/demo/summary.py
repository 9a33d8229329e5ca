"""The result of a demo: printed for people, and in summary.json for programs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from drift.events import WindowClosed
from model.files import write_atomically
from streams.ledger.reconcile import Audit


@dataclass(frozen=True)
class Summary:
    """`audit`: from the ledger.

    `end_to_end_seconds`: from a live reader. `quality`: from the labels.
    """

    run: str
    audit: Audit
    alerts: int
    offered_per_second: float
    achieved_per_second: float
    end_to_end_seconds: dict[str, float | None]
    quality: dict[str, float | int | None]
    windows: list[WindowClosed]
    addresses: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return the content of summary.json."""
        books = self.audit
        return {
            "run": self.run,
            "sent": books.sent,
            "scored": books.scored,
            "rejected": books.rejected,
            "alerts": self.alerts,
            "lost": books.lost,
            "duplicated": books.duplicated,
            "phantom": books.phantom,
            "resent": books.resent,
            "out_of_order": books.out_of_order,
            "offered_per_second": self.offered_per_second,
            "achieved_per_second": self.achieved_per_second,
            "end_to_end_seconds": self.end_to_end_seconds,
            **self.quality,
            "windows": [
                {
                    "offsets": window.offsets,
                    "events": window.events,
                    "partial": window.partial,
                    "score": window.score,
                    "detected": window.detected,
                    "report": window.report,
                }
                for window in self.windows
            ],
            "addresses": self.addresses,
        }

    def write(self, path: Path) -> None:
        """Replace summary.json."""
        write_atomically(path, json.dumps(self.as_dict(), indent=2, allow_nan=False) + "\n")

    def show(self, console: Console) -> None:
        """Print a table of the results, one of the windows, and the addresses."""
        books = self.audit
        quality = self.quality
        table = Table(title=f"run {self.run}", show_header=False, title_justify="left")
        table.add_row(
            "sent",
            f"{books.sent:,}",
            f"{self.achieved_per_second:,.0f} per second, {self.offered_per_second:,.0f} offered",
        )
        table.add_row(
            "scored", f"{books.scored:,}", f"rejected {books.rejected:,}, resent {books.resent:,}"
        )
        table.add_row(
            "lost",
            f"{books.lost:,}",
            f"duplicated {books.duplicated:,}, phantom {books.phantom:,} (by the ledger)",
        )
        table.add_row("alerts", f"{self.alerts:,}", "read them: fraud alerts")
        table.add_row("latency", *_latency(self.end_to_end_seconds))
        table.add_row(
            "precision",
            _share(quality["precision"]),
            f"{quality['frauds_flagged']} frauds among {quality['flagged']} flagged",
        )
        table.add_row(
            "recall",
            _share(quality["recall"]),
            f"{quality['frauds_flagged']} of {quality['frauds']} frauds flagged",
        )
        table.add_row("labelled", f"{quality['labelled']:,}", "from the topic labels")
        console.print(table)
        console.print(_window_table(self.windows))
        for name, address in self.addresses.items():
            console.print(f"{name}: {address}", highlight=False, markup=False, soft_wrap=True)


def _share(value: float | int | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _latency(seconds: dict[str, float | None]) -> tuple[str, str]:
    if seconds["p50"] is None:
        return "-", "not measured: needs a rate, and more than 5 s"
    shown = {name: f"{1000 * value:.0f} ms" for name, value in seconds.items() if value is not None}
    return (
        f"p50 {shown['p50']}",
        f"p95 {shown['p95']}, p99 {shown['p99']}, scheduled send to a reader of committed records",
    )


def _window_table(windows: list[WindowClosed]) -> Table:
    table = Table(
        "window", "events", "drift score", "verdict", "report", title="drift", title_justify="left"
    )
    for window in windows:
        verdict = {None: "too few events", False: "no drift", True: "drift"}[window.detected]
        events = f"{window.events:,}{' (partial)' if window.partial else ''}"
        table.add_row(
            str(window.window), events, _share(window.score), verdict, window.report or "-"
        )
    return table
