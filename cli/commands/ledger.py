"""`fraud ledger`: prove that each transaction has exactly one prediction or dead letter."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from cli.app import OPERATE, app
from cli.errors import FAILED
from cli.support.broker import ensure_reachable
from cli.support.options import AsJson
from cli.support.parsers import parse_time
from cli.support.progress import Quiet, show_bars
from cli.support.settings import Settings

if TYPE_CHECKING:
    from streams.ledger.reconcile import Audit

_MEANINGS = {
    "sent": "records of `transactions` in the range",
    "scored": "with a prediction",
    "rejected": "with a dead letter",
    "lost": "with neither",
    "duplicated": "outputs beyond a record's first",
    "resent": "sent again with the same transaction_id, not duplicates",
    "out_of_order": "outputs after that of a later record",
    "foreign": "outputs without an origin",
    "earlier": "outputs of an earlier topic or reading, not compared",
    "phantom": "outputs of records that were never committed",
    "hidden": "offsets behind an open transaction, which nobody can read",
}


def make_table(audit: "Audit") -> Table:
    """Return a table of the counts and their meanings."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    for name, meaning in _MEANINGS.items():
        table.add_row(name, f"{getattr(audit, name):,}", meaning)
    return table


def format_notes(audit: "Audit") -> Iterator[str]:
    """Yield the range, the first offending offsets and the verdict, line by line."""
    from streams.ledger.reconcile import FIRST

    ranges = " ".join(
        f"{partition}:{begin}..{end}" for partition, (begin, end) in audit.ranges.items()
    )
    yield f"range (partition:from..to, offsets of `transactions`): {ranges}"
    for name in ("lost", "duplicated", "resent", "out_of_order", "phantom"):
        records = getattr(audit, f"first_{name}")
        if records:
            positions = " ".join(f"{partition}:{offset}" for partition, offset in records)
            yield f"{name}, first {FIRST} at most: {positions}"
    if audit.pending:
        yield (
            f"{audit.pending:,} of the lost have not been read by the scorer yet: "
            "run this again when it has caught up"
        )
    if audit.hidden:
        yield (
            f"{audit.hidden:,} offsets are behind a transaction that somebody left open: "
            "`fraud doctor` names the partitions; run this again when it has ended"
        )
    if not audit.sent:
        yield "nothing to prove: no records in the range"
    else:
        yield "complete: each record came out exactly once" if audit.complete else "NOT complete"


@app.command(name="ledger", rich_help_panel=OPERATE)
def audit_ledger(
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Only records of the last 10m, or since an RFC 3339 time. [default: all]",
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Prove that nothing was lost, duplicated or made up.

    Exits with 1 unless the proof is complete.

    Example: fraud ledger --since 10m
    """
    from streams.ledger.audit import audit

    begin = parse_time(since, datetime.now(UTC)) if since else None
    with show_bars(quiet) as on_progress:
        result = audit(
            ensure_reachable(Settings.from_environment().make_connection()),
            since=begin,
            on_progress=on_progress,
        )
    if as_json:
        print(msgspec.json.encode(asdict(result)).decode())
    else:
        console = Console(highlight=False, markup=False, soft_wrap=True)
        console.print(make_table(result))
        for note in format_notes(result):
            console.print(note)
    if not result.complete:
        raise typer.Exit(FAILED)
