"""`fraud explain`: one decision as a waterfall, from the alerts topic or for a row of a CSV."""

import io
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console, RenderableType

from cli.app import app
from cli.commands.alerts import compact
from cli.commands.data import fetch
from cli.errors import CommandError
from cli.support.broker import ensure_reachable
from cli.support.progress import Quiet, bars
from cli.support.terminal import FILE_WIDTH, escape, make_console

if TYPE_CHECKING:
    from cli.support.settings import Settings


@app.command()
def explain(
    transaction_id: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="transaction_id of an alert; the newest one counts."),
    ] = None,
    row: Annotated[
        int | None,
        typer.Option(min=0, help="Instead: a row of a CSV, from 0, scored by the model in use."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="That CSV; default: FRAUD_DATA, else creditcard.csv.")
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="The alert as JSON; for a row, one of the same shape with all features."
        ),
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Write it to an HTML file too.")] = None,
    quiet: Quiet = False,
) -> None:
    """Draw where one decision came from: each feature's exact push on the margin.

    An alert is drawn as it stands on the topic, whatever model is in use now.

    Example: fraud explain --row 274771
    """
    from cli.support.settings import Settings

    if (transaction_id is None) == (row is None):
        raise typer.BadParameter("give either the transaction_id of an alert, or --row")
    from cli.support.waterfall import draw_waterfall
    from payments.records import AlertRecord

    settings = Settings.from_environment()
    value = (
        _of_row(settings, row, data, quiet)
        if row is not None
        else _of_alert(settings, transaction_id or "", quiet)
    )
    alert = msgspec.json.decode(value, type=AlertRecord)
    if as_json:
        sys.stdout.buffer.write(compact(value) + b"\n")
    else:
        console = make_console()
        console.print(draw_waterfall(alert, console.width))
    if html:
        _write(draw_waterfall(alert, FILE_WIDTH), html)


def _of_alert(settings: "Settings", transaction_id: str, quiet: bool) -> bytes:
    from payments.records import AlertRecord
    from streams.kafka import newest
    from streams.kafka.topics import ALERTS

    connection = ensure_reachable(settings.connection())
    with bars(quiet) as progress:
        found = newest.find_newest(
            connection, ALERTS, msgspec.json.Decoder(AlertRecord), transaction_id, progress
        )
    if found is None:
        raise CommandError(
            f"there is no alert of the transaction {escape(transaction_id)}; only what was not approved has one, and for 30 days"
        )
    return found


def _of_row(settings: "Settings", row: int, data: Path | None, quiet: bool) -> bytes:
    from model.artefact import Model
    from model.explanation import explain as explained
    from payments.records import InvalidTransactionError
    from producer import rows

    path = fetch(settings, data, quiet)
    model = Model.load(settings.model)
    for found in rows.read(rows.Selection(path, first=row, limit=1), "row"):
        try:
            return msgspec.json.encode(
                explained(model, rows.encode_transaction(found), datetime.now(UTC))
            )
        except InvalidTransactionError as error:
            raise CommandError(
                f"row {row} of {path} is not a valid transaction: {error.detail}"
            ) from None
    raise CommandError(f"{path} has no row {row}: the first is 0")


def _write(picture: RenderableType, path: Path) -> None:
    page = Console(
        record=True, width=FILE_WIDTH, file=io.StringIO(), force_terminal=True, highlight=False
    )
    page.print(picture)
    try:
        page.save_html(str(path), inline_styles=True)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None
