"""A demo without the dataset: a simulated file, and a model that was trained on that file and on no other."""

from pathlib import Path

from rich.console import Console

from cli.errors import CommandError
from cli.support.settings import Settings
from producer.dataset import ROWS

SEED = 1


def prepare(settings: Settings, console: Console) -> tuple[Settings, Path]:
    """The settings with the model for the simulated file, which is trained if there is none, and that file.

    Both lie in `simulated` in FRAUD_HOME; the model in use for real data stays what it is. Raises CommandError for a model that
    FRAUD_MODEL_DIR names and that was trained on other data.
    """
    from cli.commands.train import fit
    from producer.simulation import Parameters, simulate
    from producer.simulation.output import write

    own = settings.model_copy(update={"home": settings.home / "simulated"})
    own.home.mkdir(parents=True, exist_ok=True)
    data = own.home / "simulated.csv"
    console.print(f"simulating {ROWS:,} transactions")
    write(simulate(Parameters.load(), ROWS, SEED), data)
    if not _trained_on(own.model, data):
        if settings.model_dir:
            raise CommandError(
                f"FRAUD_MODEL_DIR={settings.model_dir} is not a model of {data}: unset it to have one trained"
            )
        console.print("there is no model of the simulated transactions yet: training one")
        fit(own, data, console.quiet)
    return settings.model_copy(update={"model_dir": own.model}), data


def _trained_on(directory: Path, data: Path) -> bool:
    from model.artefact import Model
    from model.errors import ModelError
    from model.manifest import file_sha256

    try:
        return Model.load(directory).manifest.fitted_on.dataset_sha256 == file_sha256(data)
    except ModelError:
        return False
