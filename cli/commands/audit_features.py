"""`fraud audit-features`: prove that live features of history follow from the topic `history`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console

from cli.app import OPERATE, app
from cli.errors import FAILED, CommandError
from cli.support.broker import ensure_reachable
from cli.support.options import AsJson, SchemaName
from cli.support.parsers import parse_time
from cli.support.progress import Quiet, show_bars
from cli.support.settings import Settings

if TYPE_CHECKING:
    from streams.history.audit import FeatureAudit


@app.command(name="audit-features", rich_help_panel=OPERATE)
def audit_features(
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Only predictions of the last 10m, or since an RFC 3339 time. [default: all]",
        ),
    ] = None,
    schema_name: SchemaName = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Prove that live features of history follow from the topic `history`, bit for bit.

    Exits with 1 if some differ, or if there is nothing to compare.

    Example: fraud audit-features --schema schema.toml --since 1h
    """
    settings = Settings.from_environment(schema_name=schema_name)
    schema = settings.schema
    if not schema.history_fields:
        raise CommandError(
            f"the schema {schema.name} has no features of history: name yours with --schema"
        )
    from streams.history import audit  # compiles its loops

    begin = parse_time(since, datetime.now(UTC)) if since else None
    with show_bars(quiet) as on_progress:
        connection = ensure_reachable(settings.make_connection())
        result = audit.audit_features(connection, schema, begin, on_progress)
    if as_json:
        counts = {name: getattr(result, name) for name in ("checked", "different", "skipped")}
        print(msgspec.json.encode(counts).decode())
    else:
        _report(result)
    if not result.proves:
        raise typer.Exit(FAILED)


def _report(result: "FeatureAudit") -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"checked    {result.checked:>12,}  predictions with their features of history")
    console.print(f"different  {result.different:>12,}  other features follow from `history`")
    console.print(
        f"skipped    {result.skipped:>12,}  of another schema or contract, or without a block"
    )
    for transaction_id, name, carried, found in result.first_different:
        console.print(f"{transaction_id}: {name} is {carried:g}; {found:g} follows")
    if not result.checked:
        console.print("nothing to prove: no prediction of this schema has a block")
    else:
        console.print("all equal, bit for bit" if result.proves else "NOT equal")
