"""`fraud evaluate`: judges a model on the test part, or on any labelled file that it was not fitted on."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.app import app
from cli.commands.data import fetch
from cli.errors import CommandError
from cli.support import pages
from cli.support.progress import Quiet, bars
from cli.support.terminal import make_console
from producer.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from cli.support.settings import Settings
    from model.artefact import Model
    from model.evaluation.assessment import Assessment, BaselineResult, Sample

_FILE_WIDTH = 180  # of tables that go to a file or a pipe


@app.command()
def evaluate(
    model: Annotated[
        Path | None,
        typer.Option(help="A model's folder; default: FRAUD_MODEL_DIR, else the one in use."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="A labelled CSV; default: the test part of the file the model was made from."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
    allow_seen: Annotated[
        bool, typer.Option("--allow-seen", help="Judge rows, too, that the model was fitted on.")
    ] = False,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Fit baselines and compare: takes minutes.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Judge a model: precision and recall at its capacity, then metrics with intervals, and a page with curves.

    The test part is for judging only: what is chosen by it is not tested any more.

    Example: fraud evaluate --json
    """
    from cli.support.settings import Settings
    from model import dataset
    from model.artefact import Model
    from model.evaluation.assessment import assess

    settings = Settings.from_environment()
    loaded = Model.load(model or settings.model)
    with bars(quiet) as update:
        update("reading the rows", 0, 1)
        made_from = _made_from(
            settings, loaded, quiet, needed=data is None or baselines or not allow_seen
        )
        sample = (
            _test_part(loaded, made_from)
            if data is None
            else _file(loaded, made_from, data, dataset.read(data))
        )
        update("reading the rows", 1, 1)
        if sample.seen and not allow_seen:
            raise CommandError(_refusal(sample, data))
        judged = assess(loaded, sample, partial(update, "judging"))
        beside = _baselines(loaded, made_from, judged, update) if baselines else None
    if sample.is_test_part:
        _keep_in_card(loaded, judged)
    page = _write_page(settings, data, judged, beside)
    print(json.dumps(_result(judged, beside, page), allow_nan=False)) if as_json else _show(
        judged, beside, page
    )


def _made_from(
    settings: "Settings", model: "Model", quiet: bool, needed: bool
) -> "pd.DataFrame | None":
    """The file that the model was fitted on a part of; None if it is not at hand and not needed. Raises CommandError."""
    from model import dataset
    from model.manifest import file_sha256

    try:
        path = fetch(settings, None, quiet)
    except DataError:
        if needed:
            raise
        return None
    if file_sha256(path) == model.manifest.fitted_on.dataset_sha256:
        return dataset.read(path)
    if not needed:
        return None
    raise CommandError(
        f"{path} is not the file that model {model.version} was made from (sha256 {model.manifest.fitted_on.dataset_sha256}), "
        "and without it nobody knows which rows the model has seen: set FRAUD_DATA to it, or give --data with --allow-seen"
    )


def _test_part(model: "Model", made_from: "pd.DataFrame | None") -> "Sample":
    from model.evaluation.assessment import Sample, select_rows

    test = model.manifest.test
    if made_from is None or not test.rows:
        raise CommandError(
            f"model {model.version} has no test part: its file was too short; give --data"
        )
    fitted = select_rows(made_from, model.manifest.fitted_on)
    return Sample(
        f"test part, rows {test.first}..{test.last}",
        select_rows(made_from, test),
        is_test_part=True,
        fitted=fitted,
        seen=0,
    )


def _file(
    model: "Model", made_from: "pd.DataFrame | None", path: Path, rows: "pd.DataFrame"
) -> "Sample":
    from model.evaluation import seen_rows
    from model.evaluation.assessment import Sample, select_rows

    if made_from is None:
        return Sample(path.name, rows, is_test_part=False, fitted=None, seen=None)
    fitted = select_rows(made_from, model.manifest.fitted_on)
    return Sample(
        path.name,
        rows,
        is_test_part=False,
        fitted=fitted,
        seen=int(seen_rows.find_seen_rows(rows, fitted).sum()),
    )


def _refusal(sample: "Sample", data: Path | None) -> str:
    return (
        f"the model was fitted on {sample.seen:,} of the {len(sample.rows):,} rows of {data}: no test of it. Leave --data out for the test "
        "part of its file, give other rows, or --allow-seen"
    )


def _baselines(
    model: "Model",
    table: "pd.DataFrame | None",
    judged: "Assessment",
    update: Callable[[str, int, int], None],
) -> "dict[str, BaselineResult]":
    from model.evaluation import baselines
    from model.evaluation.assessment import BaselineResult
    from model.evaluation.comparison import compare
    from model.intervals import RESAMPLES

    if table is None:
        raise CommandError(
            "baselines are fitted on the file that the model was made from: set FRAUD_DATA to it"
        )
    manifest = model.manifest
    fits = len(baselines.BASELINES) * (len(manifest.folds) + 1)
    found = baselines.run_baselines(
        table,
        manifest.fitted_on,
        manifest.folds,
        judged.sample.rows,
        lambda done: update("baselines", done, fits),
    )
    compared = compare(
        judged.scored.probabilities,
        {name: one.scores for name, one in found.items()},
        judged.scored.is_fraud,
        progress=lambda done: update("comparing", done, RESAMPLES),
    )
    return {name: BaselineResult(one.folds, compared[name]) for name, one in found.items()}


def _keep_in_card(model: "Model", judged: "Assessment") -> None:
    from model.reports import card_test_part

    try:
        card_test_part.record_opening(model.directory, judged)
    except OSError as error:
        Console(stderr=True).print(
            f"the model's card could not be written to: {error.strerror}", highlight=False
        )


def _write_page(
    settings: "Settings",
    data: Path | None,
    judged: "Assessment",
    beside: "dict[str, BaselineResult] | None",
) -> Path:
    from model.reports.evaluation_page import render_page

    rows = "test-part" if data is None else pages.page_name(data)
    path = settings.home / "evaluation" / f"{judged.version}-{rows}.html"
    pages.write_page(path, render_page(judged, beside))
    return path


def _result(
    judged: "Assessment", beside: "dict[str, BaselineResult] | None", page: Path
) -> dict[str, object]:
    from dataclasses import asdict

    compared = {
        name: {
            "folds": {"auprc": one.folds},
            "test": {metric: asdict(value) for metric, value in one.compared.metrics.items()},
            "difference": {
                metric: asdict(value) for metric, value in one.compared.difference.items()
            },
        }
        for name, one in (beside or {}).items()
    }
    return {**judged.as_json(), "baselines": compared or None, "page": str(page)}


def _show(judged: "Assessment", beside: "dict[str, BaselineResult] | None", page: Path) -> None:
    from model.reports import evaluation_text as text

    console = make_console(_FILE_WIDTH, markup=False)
    for line in (
        *text.headline(judged),
        text.describe_blocked(judged.evaluation.block),
        text.describe_money(judged.evaluation),
    ):
        console.print(line, soft_wrap=True)
    console.print(f"\nmodel {judged.version} on {text.describe_rows(judged)}\n", soft_wrap=True)
    console.print(_table(text.METRIC_HEAD, text.metric_rows(judged)))
    if judged.folds:
        console.print(
            f"average precision on the forward folds: {', '.join(f'{one:.3f}' for one in judged.folds)}"
        )
    console.print(_table(text.CAPACITY_HEAD, text.capacity_rows(judged.evaluation)))
    if beside is not None:
        console.print(_table(text.BASELINE_HEAD, text.baseline_rows(judged, beside)))
    console.print(f"page: {page}", soft_wrap=True)


def _table(head: tuple[str, ...], rows: list[list[str]]) -> Table:
    shown = Table(box=None, pad_edge=False)
    for name in head:
        shown.add_column(name, justify="right" if name else "left")
    for row in rows:
        shown.add_row(*row)
    return shown
