"""`fraud evaluate`: evaluate a model on the test part, or on another labelled file."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.app import MODEL, app
from cli.commands.data import fetch
from cli.errors import CommandError
from cli.support import pages
from cli.support.options import AsJson, ModelFolder, PaymentsPerDay, SchemaName
from cli.support.payment_files import announce, tell_history_begins
from cli.support.progress import Quiet, Update, show_bars
from cli.support.settings import Settings
from cli.support.terminal import make_console
from producer.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from model.artefact import Model
    from model.evaluation.assessment import Assessment, Sample
    from model.evaluation.comparison import BaselineResult

_FILE_WIDTH = 180  # of tables written to a file or a pipe


@app.command(rich_help_panel=MODEL)
def evaluate(
    *,
    model: ModelFolder = None,
    schema_name: SchemaName = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A labelled file. [default: the test part of the file the model was trained on]",
        ),
    ] = None,
    as_json: AsJson = False,
    allow_seen: Annotated[
        bool,
        typer.Option("--allow-seen", help="Also evaluate rows that the model was fitted on."),
    ] = False,
    payments_per_day: PaymentsPerDay = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Fit and compare baselines, which takes minutes.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Evaluate a model: precision and recall of its alerts, metrics with intervals, curves.

    Keep the test part for the final evaluation: choices based on it make it useless as a test.

    Example: fraud evaluate --json
    """
    from model.artefact import Model
    from model.evaluation.assessment import assess
    from model.manifest import hash_file

    settings = Settings.from_environment(model_dir=model, schema_name=schema_name)
    loaded = Model.load(settings.model, settings.schema)
    if data:
        announce(data, settings.schema, for_training=True)
        if hash_file(data) == loaded.manifest.fitted_on.dataset_sha256 and not allow_seen:
            settings = settings.model_copy(update={"data": data})
            data = None
    compared = None
    with show_bars(quiet) as update:
        update("reading the rows", 0, 1)
        needed = data is None or baselines or not allow_seen
        trained_on = _read_training_file(settings, loaded, quiet, needed, update)
        if data is None:
            sample = _test_part(loaded, trained_on, payments_per_day)
        else:
            sample = _open_other_file(loaded, trained_on, data, payments_per_day, update)
        update("reading the rows", 1, 1)
        if sample.seen and not allow_seen:
            raise CommandError(
                f"the model was fitted on {sample.seen:,} of the {len(sample.rows):,} rows of "
                f"{data}, so this is not a test; omit --data to use the test part, give other "
                "rows, or add --allow-seen"
            )
        assessment = assess(loaded, sample, partial(update, "evaluating"))
        if baselines and trained_on is not None:
            from model.evaluation.baselines import compare_with_baselines

            compared = compare_with_baselines(loaded, trained_on, assessment, update)
    if data:
        tell_history_begins(data, settings.schema)
    if sample.is_test_part:
        _record_in_card(loaded, assessment)
    page = _write_page(settings, data, assessment, compared)
    if as_json:
        print(json.dumps(_as_json(assessment, compared, page), allow_nan=False))
    else:
        _show(assessment, compared, page)


def _read_training_file(
    settings: Settings, model: "Model", quiet: bool, needed: bool, update: Update
) -> "pd.DataFrame | None":
    """Return all rows of the file the model was trained on.

    None if the file is not available and not needed; otherwise raises CommandError or DataError.
    """
    from model import dataset
    from model.manifest import hash_file

    try:
        path = fetch(settings, quiet)
    except (CommandError, DataError):
        if needed:
            raise
        return None
    expected = model.manifest.fitted_on.dataset_sha256
    if hash_file(path) == expected:
        progress = partial(update, "computing the history")
        return dataset.read(path, model.decoder.encoder, model.manifest.label_delay, progress)
    if not needed:
        return None
    raise CommandError(
        f"{path} is not the file that model {model.version} was trained on (sha256 {expected}), so "
        "it is unknown which rows the model has seen; set FRAUD_DATA to that file, or give --data "
        "with --allow-seen"
    )


def _test_part(
    model: "Model", trained_on: "pd.DataFrame | None", payments_per_day: float | None
) -> "Sample":
    from model.evaluation.assessment import Sample, select_rows
    from model.training.thresholds import measure_payments_per_day

    test = model.manifest.test
    if trained_on is None or not test.rows:
        raise CommandError(
            f"model {model.version} has no test part, because its file was too short; give --data"
        )
    return Sample(
        f"test part, rows {test.first}..{test.last}",
        select_rows(trained_on, test),
        payments_per_day or model.manifest.payments_per_day or measure_payments_per_day(trained_on),
        is_test_part=True,
        fitted=select_rows(trained_on, model.manifest.fitted_on),
        seen=0,
    )


def _open_other_file(
    model: "Model",
    trained_on: "pd.DataFrame | None",
    path: Path,
    payments_per_day: float | None,
    update: Update,
) -> "Sample":
    from model import dataset
    from model.evaluation.assessment import Sample, select_rows
    from model.evaluation.seen_rows import find_seen_rows

    progress = partial(update, f"computing the history of {path.name}")
    rows = dataset.read(path, model.decoder.encoder, model.manifest.label_delay, progress)
    fitted = None
    seen = None
    if trained_on is not None:
        fitted = select_rows(trained_on, model.manifest.fitted_on)
        seen = int(find_seen_rows(rows, fitted, model.decoder.encoder).sum())
    return Sample(
        path.name,
        rows,
        payments_per_day or _measure_payments_per_day(rows, model),
        is_test_part=False,
        fitted=fitted,
        seen=seen,
    )


def _measure_payments_per_day(rows: "pd.DataFrame", model: "Model") -> float:
    """Return those of the file, or those of the model's file if the rows span no time."""
    from model.errors import TrainingError
    from model.training.thresholds import measure_payments_per_day

    try:
        return measure_payments_per_day(rows)
    except TrainingError:
        if model.manifest.payments_per_day is None:
            raise
        return model.manifest.payments_per_day


def _record_in_card(model: "Model", assessment: "Assessment") -> None:
    from model.reports import card_test_part

    try:
        card_test_part.record_opening(model.directory, assessment)
    except OSError as error:
        Console(stderr=True).print(
            f"the model's card could not be written: {error.strerror}", highlight=False
        )


def _write_page(
    settings: Settings,
    data: Path | None,
    assessment: "Assessment",
    baselines: "dict[str, BaselineResult] | None",
) -> Path:
    from model.reports.evaluation_page import render_page

    rows = "test-part" if data is None else pages.make_page_name(data)
    path = settings.home / "evaluation" / f"{assessment.version}-{rows}.html"
    pages.write_page(path, render_page(assessment, baselines))
    return path


def _as_json(
    assessment: "Assessment", baselines: "dict[str, BaselineResult] | None", page: Path
) -> dict[str, object]:
    compared = {
        name: {
            "folds": {"auprc": baseline.folds},
            "test": {metric: asdict(value) for metric, value in baseline.compared.metrics.items()},
            "difference": {
                metric: asdict(value) for metric, value in baseline.compared.difference.items()
            },
        }
        for name, baseline in (baselines or {}).items()
    }
    return {**assessment.as_json(), "baselines": compared or None, "page": str(page)}


def _show(
    assessment: "Assessment", baselines: "dict[str, BaselineResult] | None", page: Path
) -> None:
    from model.reports import evaluation_text as text

    console = make_console(_FILE_WIDTH, markup=False)
    evaluation = assessment.evaluation
    for line in text.summarize(assessment):
        console.print(line, soft_wrap=True)
    console.print(text.describe_blocked(evaluation.block), soft_wrap=True)
    console.print(text.describe_money(evaluation), soft_wrap=True)
    console.print(
        f"\nmodel {assessment.version} on {text.describe_rows(assessment)}\n", soft_wrap=True
    )
    console.print(_make_table(text.METRIC_HEAD, text.format_metrics(assessment)))
    if assessment.folds:
        folds = ", ".join(f"{precision:.3f}" for precision in assessment.folds)
        console.print(f"average precision on the forward folds: {folds}")
    console.print(_make_table(text.CAPACITY_HEAD, text.format_capacities(evaluation)))
    if baselines is not None:
        console.print(_make_table(text.BASELINE_HEAD, text.format_baselines(assessment, baselines)))
    console.print(f"page: {page}", soft_wrap=True)


def _make_table(head: tuple[str, ...], rows: list[list[str]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in head:
        table.add_column(name, justify="right" if name else "left")
    for row in rows:
        table.add_row(*row)
    return table
