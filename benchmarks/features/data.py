"""Payments of two generators as training data, made once under FRAUD_HOME."""

import subprocess
from pathlib import Path

from benchmarks.peers.environments import prepare_environment
from model import dataset
from model.dataset import TrainingData
from payments.schema.reading import read_schema
from producer.simulation.cards import CardOptions, simulate
from producer.simulation.cards.output import write

ROWS = 200_000
LABEL_DELAY = "exponential:7d"
"""Of synccfd, which does not say when its frauds became known."""

_SYNCCFD = Path(__file__).parent / "synccfd"


def read_cards(home: Path, seed: int) -> TrainingData:
    """Return payments of `fraud simulate --schema cards`."""
    path = home / f"cards-{seed}.csv"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        write(simulate(CardOptions(ROWS, seed)), path)
    return dataset.read_for_training(path, read_schema("cards"))


def read_synccfd(home: Path) -> TrainingData:
    """Return payments of synccfd, a package under the MIT licence in its own environment."""
    path = home / "synccfd.csv"
    if not path.exists():
        interpreter = prepare_environment(home, _SYNCCFD)
        part = path.with_suffix(".part")
        subprocess.run([interpreter, str(_SYNCCFD / "generate.py"), str(part)], check=True)
        part.rename(path)
    schema = read_schema(str(_SYNCCFD / "schema.toml"))
    return dataset.read_for_training(path, schema, LABEL_DELAY)
