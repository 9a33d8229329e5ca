"""`fraud explore`: what a file of transactions holds, as a page and a summary."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.app import app
from cli.commands.data import fetch
from cli.support import pages
from cli.support.progress import Quiet, bars


@app.command()
def explore(
    data: Annotated[
        Path | None,
        typer.Option(help="A CSV of this shape; default: FRAUD_DATA, else creditcard.csv."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Look at a file, fit for training or not: rows, span, flaws, duplicates, class balance, distributions, outliers, drift, hours.

    Example: fraud explore --data creditcard.csv
    """
    from cli.support.settings import Settings
    from model import dataset
    from model.evaluation import exploration
    from model.reports import exploration_page

    settings = Settings.from_environment()
    path = fetch(settings, data, quiet)
    with bars(quiet) as update:
        update("reading and looking", 0, 3)
        rows, unusable = dataset.survey(path)
        update("reading and looking", 1, 3)
        found = exploration.explore(rows, unusable)
        update("reading and looking", 2, 3)
        page = settings.home / "exploration" / f"{pages.page_name(path)}.html"
        pages.write_page(page, exploration_page.render_page(path.name, rows, found))
    if as_json:
        print(
            json.dumps({"data": str(path), **found.as_json(), "page": str(page)}, allow_nan=False)
        )
    else:
        print("\n".join([*exploration_page.summarize(path.name, found), f"page: {page}"]))
