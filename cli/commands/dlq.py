"""`fraud dlq list|show|redrive`: the dead letters, and their way back to `transactions`."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from heapq import nlargest
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli.app import app
from cli.errors import FAILED, CommandError
from cli.support import dead_letter_view
from cli.support.broker import ensure_reachable
from cli.support.parsers import parse_time
from cli.support.progress import Quiet, bars
from cli.support.terminal import make_console

if TYPE_CHECKING:
    from streams.dlq.dead_letters import Choice, DeadLetter
    from streams.kafka.codec import Position

_SHOWN_BYTES = 2_000

dlq = typer.Typer(no_args_is_help=True, help="List, show and send back what could not be scored.")
app.add_typer(dlq, name="dlq")

Kinds = Annotated[
    list[str] | None, typer.Option("--kind", help="Only of this kind; may be given more than once.")
]
Since = Annotated[
    str | None,
    typer.Option(help="Only those of the last 10m, or after an RFC 3339 time. Default: all."),
]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


def place(text: str) -> "Position":
    """PARTITION:OFFSET of a record of `transactions`. Raises typer.BadParameter."""
    match = re.fullmatch(r"(\d{1,10}):(\d{1,18})", text)
    if not match:
        raise typer.BadParameter(f"{text!r} is not a PARTITION:OFFSET, such as 3:1207")
    return int(match[1]), int(match[2])


def _choice(
    kinds: list[str] | None, since: str | None, places: "frozenset[Position]" = frozenset()
) -> "Choice":
    from payments.records import DEAD_LETTER_KINDS
    from streams.dlq.dead_letters import Choice

    for kind in kinds or ():
        if kind not in DEAD_LETTER_KINDS:
            raise typer.BadParameter(
                f"{kind!r} is not a kind: choose from {', '.join(DEAD_LETTER_KINDS)}",
                param_hint="--kind",
            )
    return Choice(
        frozenset(kinds or ()), places, parse_time(since, datetime.now(UTC)) if since else None
    )


@dlq.command(name="list")
def print_list(
    kinds: Kinds = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of them, the newest ones.")] = 20,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """List dead letters: when, kind, which record of `transactions`, size and detail; the newest last.

    Example: fraud dlq list --kind invalid_transaction --since 1d
    """
    from cli.support.settings import Settings
    from streams.dlq.dead_letters import read

    choice, count = _choice(kinds, since), 0
    connection = ensure_reachable(Settings.from_environment().connection())

    def counted() -> "Iterator[DeadLetter]":
        nonlocal count
        for letter in read(connection, choice, progress):
            count += 1
            yield letter

    with bars(quiet) as progress:
        newest = nlargest(limit, counted(), key=lambda letter: letter.written_ms)[::-1]
    if as_json:
        for letter in newest:
            print(json.dumps(dead_letter_view.described(letter), allow_nan=False))
        return
    make_console().print(dead_letter_view.table(newest))
    print(f"{len(newest):,} of {count:,}" if count > len(newest) else f"{count:,} dead letters")


@dlq.command()
def show(
    source: Annotated[
        str,
        typer.Argument(
            metavar="PARTITION:OFFSET",
            help="Of the record of `transactions`, as `fraud dlq list` has it.",
        ),
    ],
    full: Annotated[
        bool, typer.Option("--full", help="All of its bytes, not the first 2,000.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show one dead letter and its bytes; what a terminal would obey is written as an escape.

    Example: fraud dlq show 3:1207
    """
    from cli.support.settings import Settings
    from streams.dlq.dead_letters import read

    choice = _choice(None, None, frozenset({place(source)}))
    connection = ensure_reachable(Settings.from_environment().connection())
    with bars(quiet) as progress:
        letter = next(read(connection, choice, progress), None)
    if letter is None:
        raise CommandError(
            f"there is no dead letter of {source}; `fraud dlq list` has those that are kept (30 days)"
        )
    if as_json:
        print(
            json.dumps(
                dead_letter_view.described(letter) | dead_letter_view.encoded(letter),
                allow_nan=False,
            )
        )
        return
    console = Console(highlight=False, soft_wrap=True)
    for line in dead_letter_view.lines(letter, None if full else _SHOWN_BYTES):
        console.print(line)


@dlq.command()
def redrive(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PARTITION:OFFSET]...", help="Those of these records."),
    ] = None,
    *,
    kinds: Kinds = None,
    since: Since = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are kept.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be sent.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Send dead letters back to `transactions`, each once however often this is run. Exit code 1: some could not be sent.

    Example: fraud dlq redrive --kind scoring_failed --since 2h --dry-run
    """
    from cli.support.settings import Settings

    if not (sources or kinds or since or everything):
        raise typer.BadParameter("say which: PARTITION:OFFSET, --kind, --since or --all")
    from streams.dlq import redrive as redriving

    choice = _choice(kinds, since, frozenset(map(place, sources or ())))
    connection = ensure_reachable(Settings.from_environment().connection())
    with bars(quiet) as progress:
        result = redriving.redrive(connection, choice, dry_run=dry_run, progress=progress)
    print(json.dumps(asdict(result), allow_nan=False)) if as_json else print(
        "\n".join(dead_letter_view.notes(result, dry_run))
    )
    if result.missing or result.unknown or result.expired or result.too_large:
        raise typer.Exit(FAILED)
