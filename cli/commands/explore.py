"""`fraud explore`: summarize a file of transactions, on a page and in sentences."""

import json

from cli.app import MODEL, app
from cli.commands.data import fetch
from cli.support import pages
from cli.support.options import AsJson, Data, SchemaName
from cli.support.payment_files import announce
from cli.support.progress import Quiet, show_bars
from cli.support.settings import Settings


@app.command(rich_help_panel=MODEL)
def explore(
    data: Data = None,
    schema_name: SchemaName = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Summarize a file: size, flaws, duplicates, classes, distributions, outliers, drift, hours.

    The file need not be usable for training.

    Example: fraud explore --data creditcard.csv
    """
    from model import dataset
    from model.evaluation import exploration
    from model.reports import exploration_page, exploration_text

    settings = Settings.from_environment(data=data, schema_name=schema_name)
    schema = settings.schema
    path = fetch(settings, quiet)
    announce(path, schema)
    with show_bars(quiet) as update:
        update("reading and summarizing", 0, 3)
        rows, unusable = dataset.survey(path, schema)
        update("reading and summarizing", 1, 3)
        explored = exploration.explore(rows, unusable, schema.roles.amount)
        update("reading and summarizing", 2, 3)
        page = settings.home / "exploration" / f"{pages.make_page_name(path)}.html"
        pages.write_page(page, exploration_page.render_page(path.name, rows, explored, schema))
    if as_json:
        result = {"data": str(path), **explored.as_json(), "page": str(page)}
        print(json.dumps(result, allow_nan=False))
    else:
        lines = exploration_text.summarize(path.name, explored, schema)
        print("\n".join([*lines, f"page: {page}"]))
