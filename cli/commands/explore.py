"""`fraud explore`: summarize a file of transactions, on a page and in sentences."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.app import app
from cli.commands.data import fetch
from cli.support import pages
from cli.support.payment_files import announce
from cli.support.progress import Quiet, bars


@app.command()
def explore(
    data: Annotated[
        Path | None,
        typer.Option(help="A payment file; default: FRAUD_DATA, else creditcard.csv."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Summarize a file: size, flaws, duplicates, classes, distributions, outliers, drift, hours.

    The file need not be usable for training.

    Example: fraud explore --data creditcard.csv
    """
    from cli.support.settings import Settings
    from model import dataset
    from model.evaluation import exploration
    from model.reports import exploration_page, exploration_text

    settings = Settings.from_environment()
    path = fetch(settings, data, quiet)
    announce(path)
    with bars(quiet) as update:
        update("reading and summarizing", 0, 3)
        rows, unusable = dataset.survey(path)
        update("reading and summarizing", 1, 3)
        explored = exploration.explore(rows, unusable)
        update("reading and summarizing", 2, 3)
        page = settings.home / "exploration" / f"{pages.page_name(path)}.html"
        pages.write_page(page, exploration_page.render_page(path.name, rows, explored))
    if as_json:
        result = {"data": str(path), **explored.as_json(), "page": str(page)}
        print(json.dumps(result, allow_nan=False))
    else:
        print("\n".join([*exploration_text.summarize(path.name, explored), f"page: {page}"]))
