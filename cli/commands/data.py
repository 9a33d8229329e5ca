"""`fraud data`: download creditcard.csv once and verify it."""

import json
from pathlib import Path

from cli.app import MODEL, app
from cli.errors import CommandError
from cli.support.options import AsJson
from cli.support.progress import Quiet, make_bar, make_download_columns
from cli.support.settings import Settings


def fetch(settings: Settings, quiet: bool) -> Path:
    """Return the payment file of the settings, or creditcard.csv, downloaded if needed.

    Raises CommandError if that has another schema.
    """
    from payments.schema.reading import DEFAULT
    from producer import dataset

    if settings.data is None and settings.schema.name != DEFAULT:
        raise CommandError(
            f"payments of the schema {settings.schema.name} have no file of their own to download: "
            "name yours with --data or FRAUD_DATA"
        )

    with make_bar(quiet, make_download_columns()) as progress:
        task = progress.add_task("creditcard.csv", total=None, visible=False)
        return dataset.fetch(
            settings.cache,
            settings.data,
            lambda done, total: progress.update(task, completed=done, total=total, visible=True),
        )


@app.command(rich_help_panel=MODEL)
def data(
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Download creditcard.csv into the cache unless it is there, and verify it.

    FRAUD_DATA names a copy to verify instead.

    Example: fraud data
    """
    from payments.schema.reading import DEFAULT, read_schema
    from producer import dataset
    from producer.rows import Selection

    path = fetch(Settings.from_environment(), quiet)
    sha256 = dataset.verify(path)
    rows = Selection(path, read_schema(DEFAULT)).check().rows
    description = {"path": str(path), "rows": rows, "bytes": path.stat().st_size, "sha256": sha256}
    if as_json:
        print(json.dumps(description, allow_nan=False))
    else:
        print(f"{path}: {rows:,} rows, sha256 {sha256}")
