"""`fraud dlq list|show|redrive`: inspect dead letters and send them back to `transactions`."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from heapq import nlargest
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli.app import OPERATE, Commands, app
from cli.errors import FAILED, CommandError
from cli.support import dead_letter_view
from cli.support.broker import ensure_reachable
from cli.support.options import AsJson, SchemaName
from cli.support.parsers import parse_time
from cli.support.progress import Quiet, show_bars
from cli.support.settings import Settings
from cli.support.terminal import make_console

if TYPE_CHECKING:
    from streams.dlq.dead_letters import Choice, DeadLetter
    from streams.kafka.messages import Position

_SHOWN_BYTES = 2_000

dlq = typer.Typer(cls=Commands, help="List, show and resend transactions that could not be scored.")
app.add_typer(dlq, name="dlq", rich_help_panel=OPERATE)

Kinds = Annotated[
    list[str] | None, typer.Option("--kind", metavar="KIND", help="Only this kind. Repeatable.")
]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="Only those of the last 10m, or since an RFC 3339 time. [default: all]"
    ),
]


def parse_position(text: str) -> "Position":
    """Parse PARTITION:OFFSET. Raises typer.BadParameter."""
    match = re.fullmatch(r"(\d{1,10}):(\d{1,18})", text)
    if not match:
        raise typer.BadParameter(f"{text!r} is not a PARTITION:OFFSET, such as 3:1207")
    return int(match[1]), int(match[2])


def _make_choice(
    kinds: list[str] | None, since: str | None, origins: "frozenset[Position]" = frozenset()
) -> "Choice":
    from payments.decoder import DEAD_LETTER_KINDS
    from streams.dlq.dead_letters import Choice

    for kind in kinds or ():
        if kind not in DEAD_LETTER_KINDS:
            raise typer.BadParameter(
                f"{kind!r} is not a kind: choose from {', '.join(DEAD_LETTER_KINDS)}",
                param_hint="--kind",
            )
    return Choice(
        frozenset(kinds or ()), origins, parse_time(since, datetime.now(UTC)) if since else None
    )


@dlq.command(name="list")
def print_list(
    kinds: Kinds = None,
    since: Since = None,
    limit: Annotated[
        int, typer.Option(min=1, metavar="NUMBER", help="Show at most this many, the newest.")
    ] = 20,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """List dead letters, the newest last: time, kind, record of `transactions`, size and detail.

    Example: fraud dlq list --kind invalid_transaction --since 1d
    """
    from streams.dlq.dead_letters import read

    choice = _make_choice(kinds, since)
    count = skipped = 0
    connection = ensure_reachable(Settings.from_environment().make_connection())

    def count_letters() -> "Iterator[DeadLetter]":
        nonlocal count, skipped
        for letter in read(connection, choice, progress):
            if letter.kind:
                count += 1
                yield letter
            else:
                skipped += 1

    with show_bars(quiet) as progress:
        newest = nlargest(limit, count_letters(), key=lambda letter: letter.written_ms)[::-1]
    if skipped:
        records = "1 record" if skipped == 1 else f"{skipped:,} records"
        print(f"fraud: skipped {records} without a dead letter's headers", file=sys.stderr)
    if as_json:
        for letter in newest:
            print(json.dumps(dead_letter_view.describe(letter), allow_nan=False))
        return
    make_console().print(dead_letter_view.make_table(newest))
    letters = "1 dead letter" if count == 1 else f"{count:,} dead letters"
    print(f"{len(newest):,} of {letters}" if count > len(newest) else letters)


@dlq.command()
def show(
    position: Annotated[
        str,
        typer.Argument(
            metavar="PARTITION:OFFSET",
            help="The record of `transactions`, as in `fraud dlq list`.",
        ),
    ],
    full: Annotated[
        bool, typer.Option("--full", help="Show all bytes, not just the first 2,000.")
    ] = False,
    as_json: AsJson = False,
    schema_name: SchemaName = None,
    quiet: Quiet = False,
) -> None:
    """Show a dead letter and its bytes, with control characters escaped.

    Example: fraud dlq show 3:1207
    """
    from payments.masking import Mask
    from streams.dlq.dead_letters import read

    choice = _make_choice(None, None, frozenset({parse_position(position)}))
    settings = Settings.from_environment(schema_name=schema_name)
    mask = Mask(settings.schema)
    connection = ensure_reachable(settings.make_connection())
    with show_bars(quiet) as progress:
        letter = next(read(connection, choice, progress), None)
    if letter is None:
        raise CommandError(
            f"there is no dead letter of {position}; `fraud dlq list` shows those kept, for 30 days"
        )
    if as_json:
        shown = dead_letter_view.describe(letter) | dead_letter_view.encode(letter)
        print(json.dumps(shown, allow_nan=False))
        return
    console = Console(highlight=False, soft_wrap=True)
    for line in dead_letter_view.format_lines(letter, mask, None if full else _SHOWN_BYTES):
        console.print(line)


@dlq.command()
def redrive(
    positions: Annotated[
        list[str] | None,
        typer.Argument(metavar="PARTITION:OFFSET", help="Records whose dead letters to resend."),
    ] = None,
    *,
    kinds: Kinds = None,
    since: Since = None,
    everything: Annotated[bool, typer.Option("--all", help="Resend all that are kept.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only report what would be sent.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Send dead letters back to `transactions`, each only once, however often this runs.

    Exits with 1 if some could not be sent.

    Example: fraud dlq redrive --kind scoring_failed --since 2h --dry-run
    """
    if not (positions or kinds or since or everything):
        raise typer.BadParameter("say which: PARTITION:OFFSET, --kind, --since or --all")
    from streams.dlq import redrive as redriving

    choice = _make_choice(kinds, since, frozenset(map(parse_position, positions or ())))
    connection = ensure_reachable(Settings.from_environment().make_connection())
    with show_bars(quiet) as progress:
        result = redriving.redrive(connection, choice, dry_run=dry_run, progress=progress)
    if as_json:
        print(json.dumps(asdict(result), allow_nan=False))
    else:
        print("\n".join(dead_letter_view.summarize(result, dry_run)))
    if result.missing or result.unknown or result.expired or result.too_large:
        raise typer.Exit(FAILED)
