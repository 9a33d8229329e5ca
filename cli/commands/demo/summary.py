"""The result of a demo: printed for people, and in summary.json for programs."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cli.commands.demo.caught import Caught
from drift.events import WindowClosed
from model.files import write_atomically
from model.reports.evaluation_text import format_range
from streams.ledger.reconcile import Audit

OBJECTIVE_S = 0.1  # of 99% of the predictions, as in infra/prometheus/rules/recording.yml


@dataclass(frozen=True)
class Summary:
    """`audit`: from the ledger.

    `end_to_end_seconds`: from a live reader, without the first seconds. `caught`: from the labels.
    `load`: processes that wanted to run, on `cores`.
    """

    run: str
    audit: Audit
    alerts: int
    offered_per_second: float
    achieved_per_second: float
    end_to_end_seconds: dict[str, float | None]
    caught: Caught
    windows: list[WindowClosed]
    addresses: dict[str, str]
    load: float
    cores: int

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
            **_as_dict(self.caught),
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
        """Print what was caught, whether anything was lost, the drift and the addresses."""
        table = Table(title=f"run {self.run}", show_header=False, title_justify="left")
        for row in (*_caught_rows(self.caught), *self._stream_rows(), self._drift_row()):
            table.add_row(*row)
        console.print(table)
        if any(window.detected for window in self.windows):
            console.print(_make_window_table(self.windows))
        for name, address in self.addresses.items():
            console.print(f"{name}: {address}", highlight=False, markup=False, soft_wrap=True)

    def _stream_rows(self) -> list[tuple[str, str, str]]:
        books = self.audit
        rows = [
            (
                "sent",
                f"{books.sent:,}",
                f"{self.achieved_per_second:,.0f} per second, {self.offered_per_second:,.0f} "
                "offered",
            ),
            (
                "scored",
                f"{books.scored:,}",
                f"rejected {books.rejected:,}, resent {books.resent:,}",
            ),
            (
                "lost",
                f"{books.lost:,}",
                f"duplicated {books.duplicated:,}, phantom {books.phantom:,} (by the ledger)",
            ),
            ("latency", *_describe_latency(self.end_to_end_seconds)),
        ]
        late = self._explain_latency()
        return [*rows, ("", "", late)] if late else rows

    def _explain_latency(self) -> str | None:
        """Return why the latency may be over the objective; None if it is not."""
        p99 = self.end_to_end_seconds["p99"]
        if p99 is None or p99 <= OBJECTIVE_S:
            return None
        over = f"over the objective of {1000 * OBJECTIVE_S:.0f} ms for 99%"
        if self.load > self.cores:
            return (
                f"{over}: the machine was busy (load {self.load:.1f} on {self.cores} cores), as "
                "the whole system runs on it"
            )
        return f"{over}: the system was still warming up; try a lower --rate"

    def _drift_row(self) -> tuple[str, str, str]:
        scores = [window.score for window in self.windows if window.score is not None]
        if not scores:
            return "drift", "-", "too few events for a verdict"
        drifted = sum(bool(window.detected) for window in self.windows)
        span = f"score {min(scores):.3f} to {max(scores):.3f}"
        if drifted:
            return "drift", f"{drifted} of {len(scores)}", f"windows drifted, {span}"
        return "drift", "none", f"in {len(scores)} windows, {span}"


def _as_dict(caught: Caught) -> dict[str, Any]:
    return {
        **asdict(caught),
        "precision": caught.precision,
        "recall": caught.recall,
        "alerts_per_day": caught.alerts_per_day,
    }


def _caught_rows(caught: Caught) -> list[tuple[str, str, str]]:
    """Return what was caught, and what other thresholds would have caught."""
    rows = [
        (
            "caught",
            f"{caught.frauds_flagged} of {caught.frauds}",
            f"frauds; recall {_format_share(caught.recall)}, "
            f"precision {_format_share(caught.precision)} "
            f"({caught.frauds_flagged} of {caught.flagged} alerts)",
        ),
        ("money", f"{caught.money_flagged:,.2f}", f"of {caught.money:,.2f} in frauds"),
        ("alerts", *_describe_alerts(caught)),
        (
            "ranking",
            _format_share(caught.average_precision),
            f"average precision; ROC AUC {_format_share(caught.roc_auc)}",
        ),
    ]
    if caught.trade_off:
        half, _, twice = caught.trade_off
        rows.append(
            (
                "trade-off",
                f"{half.caught} or {twice.caught}",
                f"frauds with half ({half.rows}) or twice ({twice.rows}) the alerts",
            )
        )
    rows.append(("", "", "change it: fraud threshold --review-probability 0.1 --save"))
    return rows


def _describe_alerts(caught: Caught) -> tuple[str, str]:
    if caught.alerts_per_day is None:
        return "-", "nothing was labelled"
    text = f"{caught.flagged} in {caught.days:.2f} days"
    expected = caught.expected.alerts_per_day
    if caught.budget is not None:
        used = caught.alerts_per_day / caught.budget
        text = (
            f"asked {caught.budget:g}, used {used:.0%} "
            f"({caught.flagged} of {caught.budget * caught.days:.0f})"
        )
    if expected is not None:
        text += f"; expected {format_range(expected, 0)}"
    return f"{caught.alerts_per_day:.0f} a day", f"{text}; read them: fraud alerts"


def _format_share(value: float | int | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _describe_latency(seconds: dict[str, float | None]) -> tuple[str, str]:
    if seconds["p50"] is None:
        return "-", "not measured: needs a rate, and more than 5 s"
    shown = {name: f"{1000 * value:.0f} ms" for name, value in seconds.items() if value is not None}
    return (
        f"p50 {shown['p50']}",
        f"p95 {shown['p95']}, p99 {shown['p99']}, scheduled send to a reader of committed records",
    )


def _make_window_table(windows: list[WindowClosed]) -> Table:
    table = Table(
        "window", "events", "drift score", "verdict", "report", title="drift", title_justify="left"
    )
    for window in windows:
        verdict = {None: "too few events", False: "no drift", True: "drift"}[window.detected]
        events = f"{window.events:,}{' (partial)' if window.partial else ''}"
        table.add_row(
            str(window.window), events, _format_share(window.score), verdict, window.report or "-"
        )
    return table
