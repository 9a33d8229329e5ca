"""`fraud train`: fits a model and writes it to disk."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from cli.app import app
from cli.data import fetched
from cli.settings import Settings

if TYPE_CHECKING:
    from model.artefact import Model
    from model.thresholds import Outcome


@app.command()
def train(
    data: Annotated[Path | None, typer.Option(help="A CSV of this shape; default: FRAUD_DATA, else creditcard.csv.")] = None,
    quiet: Annotated[bool, typer.Option(help="No progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Fit a model on the first 80 % of the rows by time, and let `latest` name it.

    Example: fraud train --data creditcard.csv
    """
    settings = Settings.from_environment()
    model, outcomes = fit(settings, fetched(settings, data, quiet), quiet)
    print(json.dumps(_result(model, outcomes)) if as_json else _sentences(model, outcomes))


def fit(settings: Settings, data: Path, quiet: bool) -> "tuple[Model, dict[str, Outcome]]":
    """Fits, saves and names the model, with a bar on a terminal; the thresholds' outcomes on the held-back rows."""
    from model import dataset, thresholds, training  # XGBoost and pandas take a second to import
    from model.publish import save

    console = Console(stderr=True)
    with Progress(console=console, disable=quiet or not console.is_terminal, transient=True) as progress:
        reading = progress.add_task("reading the rows", total=None)
        table = dataset.read(data)
        digest = dataset.file_sha256(data)
        progress.update(reading, total=1, completed=1)
        growing = progress.add_task("growing trees", total=training.TREES)
        trained = training.train(table, digest, lambda trees: progress.update(growing, completed=trees))
        model = save(trained, settings.models)
    truth, scores = trained.reference["Class"].to_numpy() == 1, trained.reference["probability"].to_numpy()
    return model, thresholds.outcomes(model.thresholds, scores, truth)


def _result(model: "Model", outcomes: dict[str, "Outcome"]) -> dict[str, Any]:
    manifest = model.manifest
    return {
        "version": model.version,
        "directory": str(model.directory),
        "fitted_on": manifest.fitted_on.model_dump(),
        "held_back": manifest.held_back.model_dump(),
        "thresholds": {
            name: {
                "probability": getattr(manifest.thresholds, name),
                "precision": found.precision,
                "recall": found.recall,
                **asdict(found),
            }
            for name, found in outcomes.items()
        },
    }


def _sentences(model: "Model", outcomes: dict[str, "Outcome"]) -> str:
    from model.card import share

    fitted, held_back = model.manifest.fitted_on, model.manifest.held_back
    lines = [
        f"model {model.version} in {model.directory}",
        f"fitted on rows {fitted.first}..{fitted.last} ({fitted.rows:,}), sha256 {fitted.rows_sha256}",
        f"held back: rows {held_back.first}..{held_back.last} ({held_back.rows:,}), {outcomes['review'].frauds} frauds",
        "the test part was not opened",
    ]
    lines += [
        f"{name} from {getattr(model.thresholds, name):.6g}: {found.caught} frauds among {found.flagged} flagged, "
        f"precision {share(found.precision)}, recall {share(found.recall)} on the held-back rows"
        for name, found in outcomes.items()
    ]
    return "\n".join(lines)
