"""`fraud train`: fits a model and writes it to disk."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from cli.app import app
from cli.data import fetched
from cli.settings import Settings
from cli.threshold import AlertsPerDay, BlockPrecision, CostBlock, CostReview, judged, policy_of, sentence

if TYPE_CHECKING:
    from model.artefact import Model
    from model.manifest import Policy
    from model.thresholds import Outcome


@app.command()
def train(
    *,
    data: Annotated[Path | None, typer.Option(help="A CSV of this shape; default: FRAUD_DATA, else creditcard.csv.")] = None,
    alerts_per_day: AlertsPerDay = None,
    block_precision: BlockPrecision = None,
    cost_review: CostReview = None,
    cost_block: CostBlock = None,
    quiet: Annotated[bool, typer.Option(help="No progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Fit a model on the first 80 % of the rows by time, and let `latest` name it.

    Example: fraud train --data creditcard.csv
    """
    settings = Settings.from_environment()
    policy = policy_of(alerts_per_day, block_precision, cost_review, cost_block)
    model, outcomes = fit(settings, fetched(settings, data, quiet), quiet, policy)
    print(json.dumps(_result(model, outcomes)) if as_json else _sentences(model, outcomes))


def fit(settings: Settings, data: Path, quiet: bool, policy: "Policy | None" = None) -> "tuple[Model, dict[str, Outcome]]":
    """Fits, saves and names the model, with a bar on a terminal; the thresholds' outcomes on the out-of-fold rows."""
    from model import dataset, leaks, thresholds, training  # XGBoost and pandas take a second to import
    from model.publish import save

    console = Console(stderr=True)
    with Progress(console=console, disable=quiet or not console.is_terminal, transient=True) as progress:
        reading = progress.add_task("reading the rows", total=None)
        table = dataset.read(data)
        digest = dataset.file_sha256(data)
        progress.update(reading, total=1, completed=1)
        growing = progress.add_task("growing trees", total=None)
        trained = training.train(
            table,
            digest,
            policy=policy or thresholds.DEFAULT_POLICY,
            progress=lambda done, total: progress.update(growing, completed=done, total=total),
        )
        progress.add_task("writing the model and its card", total=None)
        model = save(trained, settings.models)
        leak = leaks.find(table, trained.manifest)
    if leak:  # whatever `quiet` says: nobody else would tell
        print(f"fraud: warning: {leak}", file=sys.stderr)
    return model, thresholds.outcomes(model.thresholds, thresholds.Scored.of(trained.reference))


def _result(model: "Model", outcomes: dict[str, "Outcome"]) -> dict[str, Any]:
    manifest = model.manifest
    return {
        "version": model.version,
        "directory": str(model.directory),
        "fitted_on": manifest.fitted_on.model_dump(),
        "out_of_fold": manifest.out_of_fold.model_dump(),
        "folds": [fold.model_dump() for fold in manifest.folds],
        "policy": manifest.policy.model_dump(),
        "thresholds": {name: judged(getattr(manifest.thresholds, name), found) for name, found in outcomes.items()},
    }


def _sentences(model: "Model", outcomes: dict[str, "Outcome"]) -> str:
    fitted, out_of_fold = model.manifest.fitted_on, model.manifest.out_of_fold
    precisions = [fold.average_precision for fold in model.manifest.folds]
    lines = [
        f"model {model.version} in {model.directory}",
        f"fitted on rows {fitted.first}..{fitted.last} ({fitted.rows:,}), sha256 {fitted.rows_sha256}",
        f"average precision on the forward folds: {', '.join(f'{one:.3f}' for one in precisions)}; "
        f"mean {sum(precisions) / len(precisions):.3f}",
        f"out of fold: rows {out_of_fold.first}..{out_of_fold.last} ({out_of_fold.rows:,}), {outcomes['review'].frauds} frauds",
        "the test part was not opened",
    ]
    lines += [sentence(name, getattr(model.thresholds, name), found) for name, found in outcomes.items()]
    return "\n".join(lines)
