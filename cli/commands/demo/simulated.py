"""A demo without the dataset: a simulated file, and a model trained on it."""

from pathlib import Path

from rich.console import Console

from cli.errors import CommandError
from cli.support.settings import Settings
from payments.schema.reading import Schema
from producer.dataset import ROWS

SEED = 1


def prepare(settings: Settings, console: Console) -> tuple[Settings, Path]:
    """Return settings with a model of the simulated file, trained if needed, and that file.

    Both are in FRAUD_HOME/simulated; the model for real data does not change. Raises CommandError
    if FRAUD_MODEL_DIR names a model trained on other data.
    """
    from cli.commands.train import train_model
    from producer.simulation import Parameters, simulate
    from producer.simulation.output import write

    own = settings.model_copy(update={"given_home": settings.home / "simulated"})
    own.home.mkdir(parents=True, exist_ok=True)
    data = own.home / "simulated.csv"
    console.print(f"simulating {ROWS:,} transactions")
    write(simulate(Parameters.load(), ROWS, SEED), data)
    if not _is_trained_on(own.model, own.schema, data):
        if settings.model_dir:
            raise CommandError(
                f"FRAUD_MODEL_DIR={settings.model_dir} is not a model of {data}: "
                "unset it to train one"
            )
        console.print("no model of the simulated transactions yet: training one")
        train_model(own, data, console.quiet)
    return settings.model_copy(update={"model_dir": own.model}), data


def _is_trained_on(directory: Path, schema: Schema, data: Path) -> bool:
    from model.artefact import Model
    from model.errors import ModelError
    from model.manifest import hash_file

    try:
        manifest = Model.load(directory, schema).manifest
    except ModelError:
        return False
    return manifest.fitted_on.dataset_sha256 == hash_file(data)
