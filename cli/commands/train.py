"""`fraud train`: train a model and write it to disk."""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import TextColumn

from cli.app import MODEL, app
from cli.commands.data import fetch
from cli.commands.threshold import (
    AlertsPerDay,
    BlockPrecision,
    CostBlock,
    CostReview,
    ReviewProbability,
    choose_policy,
    describe_threshold,
    describe_threshold_as_json,
)
from cli.support.home import probe_writing
from cli.support.options import AsJson, Data, PaymentsPerDay, SchemaName
from cli.support.parsers import parse_label_delay
from cli.support.payment_files import announce
from cli.support.progress import Quiet, make_bar, make_columns, show_steps
from cli.support.settings import Settings

if TYPE_CHECKING:
    from model.artefact import Model
    from model.manifest import Policy
    from model.training.recipe import Recipe
    from model.training.thresholds import Outcome
    from model.training.tuning import TuningResult
    from payments.schema.reading import Schema


_MODEL_BYTES = 40 * 10**6  # one of creditcard.csv has 34 MB


@app.command(rich_help_panel=MODEL)
def train(
    *,
    data: Data = None,
    schema_name: SchemaName = None,
    review_probability: ReviewProbability = None,
    alerts_per_day: AlertsPerDay = None,
    block_precision: BlockPrecision = None,
    cost_review: CostReview = None,
    cost_block: CostBlock = None,
    payments_per_day: PaymentsPerDay = None,
    tune: Annotated[
        bool,
        typer.Option(
            "--tune", help="First search for better tree parameters: 13 minutes on 2 cores."
        ),
    ] = False,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Reuse the parameters of the model in this folder, such as one trained with "
            "--tune.",
        ),
    ] = None,
    label_delay: Annotated[
        str | None,
        typer.Option(
            parser=parse_label_delay,
            metavar="DISTRIBUTION",
            help="How late labels became known that have no date, for features of risk: 7d, or "
            "exponential:7d with this mean.",
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train a model on the first 80% of the rows by time, and point `latest` to it.

    Example: fraud train --alerts-per-day 50
    """
    settings = Settings.from_environment(data=data, schema_name=schema_name)
    policy = choose_policy(
        review_probability, alerts_per_day, block_precision, cost_review, cost_block
    )
    if tune and like:
        raise typer.BadParameter(
            "--tune finds parameters and --like takes known ones; give only one of them"
        )
    recipe = _read_recipe(like, settings.schema) if like else None
    settings.home.mkdir(parents=True, exist_ok=True)
    probe_writing(settings.models if settings.models.exists() else settings.home, _MODEL_BYTES)
    path = fetch(settings, quiet)
    announce(path, settings.schema, for_training=True)
    tuned = _tune(path, settings.schema, label_delay, quiet) if tune else None
    model, outcomes = train_model(
        settings,
        path,
        quiet,
        policy,
        tuned.recipe if tuned else recipe,
        payments_per_day,
        label_delay=label_delay,
    )
    result = _describe_as_json(model, outcomes) | ({"tuning": asdict(tuned)} if tuned else {})
    if as_json:
        print(json.dumps(result, allow_nan=False))
    else:
        print("\n".join([*_describe_tuning(tuned), *_describe_model(model, outcomes)]))


def _read_recipe(directory: Path, schema: "Schema") -> "Recipe":
    from model.artefact import Model
    from model.training.recipe import Recipe

    manifest = Model.load(directory, schema).manifest
    parameters = dict(manifest.parameters)
    # Only whether there are directions; the data decides which.
    directed = parameters.pop("monotone_constraints", None) is not None
    return Recipe(parameters, manifest.trees, directed)


def _tune(data: Path, schema: "Schema", label_delay: str | None, quiet: bool) -> "TuningResult":
    from model import dataset
    from model.training import tuning

    shown = make_columns(
        TextColumn("{task.fields[trials]} trials"), TextColumn("{task.fields[rate]:.1f} a minute")
    )
    with make_bar(quiet, (*shown, TextColumn("{task.fields[best]}"))) as progress:
        searching = progress.add_task(
            "searching", total=tuning.SECONDS, trials=0, rate=0.0, best=""
        )

        def report(step: tuning.TuningProgress) -> None:
            best = "" if step.best is None else f"best mean average precision {step.best:.4f}"
            rate = 60 * step.trials / step.elapsed if step.elapsed else 0.0
            progress.update(
                searching, completed=step.elapsed, trials=step.trials, rate=rate, best=best
            )

        rows = dataset.read_for_training(data, schema, label_delay)
        return tuning.tune(rows.table, rows.encoder, time.monotonic, progress=report)


def _describe_tuning(tuned: "TuningResult | None") -> list[str]:
    if tuned is None:
        return []
    if tuned.average_precision is None:
        return [
            f"{tuned.trials} trials; no time was left to check the best with other seeds, so the "
            "default parameters stay"
        ]
    return [
        f"{tuned.trials} trials; with other seeds, the best has a mean average precision of "
        f"{tuned.average_precision:.4f}, and the default parameters "
        f"{tuned.default_average_precision:.4f}"
    ]


def train_model(
    settings: Settings,
    data: Path,
    quiet: bool,
    policy: "Policy | None" = None,
    recipe: "Recipe | None" = None,
    payments_per_day: float | None = None,
    *,
    label_delay: str | None = None,
) -> "tuple[Model, dict[str, Outcome]]":
    """Train and save a model, and point `latest` to it.

    Shows a progress bar on a terminal. Returns the model, and what each threshold does to the
    out-of-fold rows.
    """
    from model import dataset  # XGBoost and pandas take a second to import
    from model.publish import save
    from model.training import leaks, pipeline, thresholds

    with show_steps(quiet) as step:
        step.say("reading the rows")
        rows = dataset.read_for_training(data, settings.schema, label_delay, step.count)
        step.say("growing trees")
        trained = pipeline.train(
            rows,
            recipe,
            policy=policy or thresholds.DEFAULT_POLICY,
            payments_per_day=payments_per_day,
            progress=step.count,
        )
        step.say("writing the model and its card")
        model = save(trained, settings.models)
        leak = leaks.find_leak(rows.table, trained.manifest)
    if leak:  # printed even if `quiet`
        print(f"fraud: warning: {leak}", file=sys.stderr)
    return model, thresholds.apply_thresholds(
        model.thresholds,
        thresholds.LabelledScores.from_reference(
            trained.reference, model.manifest.payments_per_day
        ),
    )


def _describe_as_json(model: "Model", outcomes: dict[str, "Outcome"]) -> dict[str, Any]:
    from model.training.forward_cuts import CutRanges

    manifest = model.manifest
    return {
        "version": model.version,
        "directory": str(model.directory),
        "fitted_on": manifest.fitted_on.model_dump(),
        "out_of_fold": manifest.out_of_fold.model_dump(),
        "folds": [fold.model_dump() for fold in manifest.folds],
        "policy": manifest.policy.model_dump(),
        "thresholds": {
            name: describe_threshold_as_json(getattr(manifest.thresholds, name), outcome)
            for name, outcome in outcomes.items()
        },
        "payments_per_day": manifest.payments_per_day,
        "cuts": [cut.model_dump() for cut in manifest.cuts],
        "later": asdict(CutRanges.of(manifest.cuts)),
    }


def _describe_model(model: "Model", outcomes: dict[str, "Outcome"]) -> list[str]:
    fitted = model.manifest.fitted_on
    out_of_fold = model.manifest.out_of_fold
    precisions = [fold.average_precision for fold in model.manifest.folds]
    lines = [
        f"model {model.version} in {model.directory}",
        f"fitted on rows {fitted.first}..{fitted.last} ({fitted.rows:,}), "
        f"sha256 {fitted.rows_sha256}",
        f"average precision on the forward folds: {', '.join(f'{one:.3f}' for one in precisions)}; "
        f"mean {sum(precisions) / len(precisions):.3f}",
        f"out of fold: rows {out_of_fold.first}..{out_of_fold.last} ({out_of_fold.rows:,}), "
        f"{outcomes['review'].frauds} frauds",
        "the test part was not opened",
    ]
    lines += [
        describe_threshold(
            name, getattr(model.thresholds, name), outcome, model.schema.roles.amount
        )
        for name, outcome in outcomes.items()
    ]
    if not outcomes["review"].flagged:
        lines.append(
            "no out-of-fold row reaches `review`, so expect no alerts; choose by the number that "
            "you can review: fraud threshold --alerts-per-day 50 --save"
        )
    return [*lines, *_describe_later(model)]


def _describe_later(model: "Model") -> list[str]:
    """Return what `review` gave on rows later than those that chose it."""
    from model.reports.evaluation_text import format_range
    from model.training.forward_cuts import CutRanges

    ranges = CutRanges.of(model.manifest.cuts)
    if ranges.alerts_per_day is None or ranges.recall is None:
        return []
    return [
        f"expect at review: {format_range(ranges.alerts_per_day, 0)} alerts a day of "
        f"{model.manifest.payments_per_day:,.0f} payments, recall {format_range(ranges.recall, 2)} "
        f"(mean and range over {len(model.manifest.cuts)} cuts, each judged on later rows)"
    ]
