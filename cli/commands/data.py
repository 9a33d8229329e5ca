"""`fraud data`: download creditcard.csv once and verify it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from cli.app import app
from cli.support.options import AsJson
from cli.support.progress import Quiet, bar, download_columns

if TYPE_CHECKING:
    from cli.support.settings import Settings


def fetch(settings: "Settings", given: Path | None, quiet: bool) -> Path:
    """Return the CSV to use: `given`, FRAUD_DATA, or creditcard.csv, downloaded if needed."""
    from producer import dataset

    with bar(quiet, download_columns()) as progress:
        task = progress.add_task("creditcard.csv", total=None, visible=False)
        return dataset.fetch(
            settings.cache,
            given or settings.data,
            lambda done, total: progress.update(task, completed=done, total=total, visible=True),
        )


@app.command()
def data(
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Download creditcard.csv into the cache unless it is there, and verify it.

    FRAUD_DATA names a copy to verify instead.

    Example: fraud data
    """
    from cli.support.settings import Settings
    from producer import dataset
    from producer.rows import Selection

    path = fetch(Settings.from_environment(), None, quiet)
    sha256 = dataset.verify(path)
    rows = Selection(path).check()
    description = {"path": str(path), "rows": rows, "bytes": path.stat().st_size, "sha256": sha256}
    if as_json:
        print(json.dumps(description, allow_nan=False))
    else:
        print(f"{path}: {rows:,} rows, sha256 {sha256}")
