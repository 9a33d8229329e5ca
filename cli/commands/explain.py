"""`fraud explain`: a decision as a waterfall, from the alerts topic or for a row of a CSV."""

import io
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console, RenderableType

from cli.app import LOOK, app
from cli.commands.alerts import format_json
from cli.commands.data import fetch
from cli.errors import CommandError
from cli.support.broker import ensure_reachable
from cli.support.options import Data, SchemaName
from cli.support.payment_files import announce
from cli.support.progress import Quiet, show_bars
from cli.support.settings import Settings
from cli.support.terminal import FILE_WIDTH, make_console
from model.files import write_atomically

if TYPE_CHECKING:
    from model.artefact import Model
    from payments.arrays import Singles


@app.command(rich_help_panel=LOOK)
def explain(
    transaction_id: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="transaction_id of an alert; its newest is used."),
    ] = None,
    row: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="NUMBER",
            help="Instead: a row of --data, from 0, scored with the model in use.",
        ),
    ] = None,
    *,
    data: Data = None,
    schema_name: SchemaName = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the alert as JSON; for a row, the same with all features."
        ),
    ] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write it to an HTML file.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Draw a decision: each feature's exact contribution to the margin.

    Alerts come from the topic, so the current model doesn't affect them.

    Example: fraud explain --row 274771
    """
    if (transaction_id is None) == (row is None):
        raise typer.BadParameter("give either the transaction_id of an alert, or --row")
    from cli.support.waterfall import draw_waterfall
    from payments.display import Display
    from payments.masking import Mask
    from payments.records import KeptAlertRecord

    settings = Settings.from_environment(data=data, schema_name=schema_name)
    display = Display(settings.schema)
    mask = Mask(settings.schema)
    if row is None:
        value = _find_alert(settings, transaction_id or "", quiet)
    else:
        value = _explain_row(settings, row, quiet)
    alert = mask.mask_alert(msgspec.json.decode(value, type=KeptAlertRecord))
    if as_json:
        sys.stdout.buffer.write(format_json(value, mask) + b"\n")
    else:
        console = make_console()
        console.print(draw_waterfall(alert, display, console.width))
    if html:
        _write_html(draw_waterfall(alert, display, FILE_WIDTH), html)


def _find_alert(settings: Settings, transaction_id: str, quiet: bool) -> bytes:
    from payments.records import KeptAlertRecord
    from streams.kafka import newest
    from streams.kafka.topics import ALERTS

    connection = ensure_reachable(settings.make_connection())
    with show_bars(quiet) as progress:
        alert = newest.find_newest(
            connection, ALERTS, msgspec.json.Decoder(KeptAlertRecord), transaction_id, progress
        )
    if alert is None:
        raise CommandError(
            f"no alert for transaction {transaction_id}; approved payments have none, and "
            "alerts are deleted after 30 days"
        )
    return alert


def _explain_row(settings: Settings, row: int, quiet: bool) -> bytes:
    from model.artefact import Model
    from model.explanation import explain as explain_row
    from payments.decoder import InvalidTransactionError
    from producer import rows

    path = fetch(settings, quiet)
    announce(path, settings.schema)
    model = Model.load(settings.model, settings.schema)
    selection = rows.Selection(path, settings.schema, first=row, limit=1)
    history = _compute_history(model, path, row, quiet)
    for content in rows.read(selection, "row"):
        transaction = rows.encode_transaction(content)
        try:
            return msgspec.json.encode(explain_row(model, transaction, datetime.now(UTC), history))
        except InvalidTransactionError as error:
            raise CommandError(
                f"row {row} of {path} is not a valid transaction: {error.detail}"
            ) from None
    raise rows.describe_range_error(selection)


def _compute_history(model: "Model", path: Path, row: int, quiet: bool) -> "Singles":
    """Return the features that a row has from those before it, float32[1, history]."""
    import numpy as np

    from model import dataset

    encoder = model.decoder.encoder
    if not encoder.history:
        return np.empty((1, 0), np.float32)
    with show_bars(quiet) as update:
        table = dataset.read_inputs(
            path,
            encoder,
            model.manifest.label_delay,
            partial(update, "computing the history"),
            end=row + 1,
        )
    return table[list(encoder.history)].iloc[-1:].to_numpy(np.float32)


def _write_html(picture: RenderableType, path: Path) -> None:
    page = Console(
        record=True, width=FILE_WIDTH, file=io.StringIO(), force_terminal=True, highlight=False
    )
    page.print(picture)
    try:
        write_atomically(path, page.export_html(inline_styles=True))
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None
