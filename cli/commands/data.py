"""`fraud data`: creditcard.csv, fetched once and verified."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.app import app
from cli.support.progress import Quiet, bar, of_bytes

if TYPE_CHECKING:
    from cli.support.settings import Settings


def fetch(settings: "Settings", given: Path | None, quiet: bool) -> Path:
    """The CSV to work with: the one given, FRAUD_DATA, or creditcard.csv, with a bar on a terminal while it is fetched."""
    from producer import dataset

    with bar(quiet, of_bytes()) as progress:
        task = progress.add_task("creditcard.csv", total=None, visible=False)
        return dataset.fetch(
            settings.cache,
            given or settings.data,
            lambda done, total: progress.update(task, completed=done, total=total, visible=True),
        )


@app.command()
def data(
    quiet: Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Fetch creditcard.csv into the cache, if it is not there, and verify it. FRAUD_DATA names a copy to verify instead.

    Example: fraud data
    """
    from cli.support.settings import Settings
    from producer import dataset
    from producer.rows import Selection

    path = fetch(Settings.from_environment(), None, quiet)
    sha256 = dataset.verify(path)
    rows = Selection(path).total()
    found = {"path": str(path), "rows": rows, "bytes": path.stat().st_size, "sha256": sha256}
    print(
        json.dumps(found, allow_nan=False) if as_json else f"{path}: {rows:,} rows, sha256 {sha256}"
    )
