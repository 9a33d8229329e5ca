"""Measure what features of history add to a model, and two of the recipe's parameters on them.

Run: python -m benchmarks.features groups
     python -m benchmarks.features recipes

The payments are simulated: 200,000 of `fraud simulate --schema cards` for each seed, and 350,000 of
synccfd, a generator that is not ours. That one takes five minutes the first time.
"""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.features import data
from benchmarks.features.groups import measure_groups
from benchmarks.features.recipes import Quality, measure_changes
from cli.support.settings import Settings
from model.dataset import TrainingData
from model.intervals import Interval
from payments.arrays import Floats

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

Seeds = Annotated[int, typer.Option(min=1, help="Simulations of cards.")]


@app.command()
def groups(seeds: Seeds = 3) -> None:
    """Average precision on the test part by group of features, with 95% intervals."""
    for name, payments in _read_all(seeds):
        print(f"\n{name}: {_describe(payments)}")
        print(f"{'with':<38} {'features':>8}  average precision       gain")
        for step in measure_groups(payments):
            gain = "" if step.gain is None else _format(step.gain, "+")
            precision = _format(step.precision)
            print(f"{step.group:<38} {step.features:>8}  {precision:<22}  {gain}", flush=True)


@app.command()
def recipes(seeds: Seeds = 3) -> None:
    """Average precision with 4,096 bins and with XGBoost's own base score, over three seeds."""
    for name, payments in _read_all(seeds):
        print(f"\n{name}: {_describe(payments)}")
        print(f"{'':<24} folds: mean, change, range       test: mean, change, range")
        first: Quality | None = None
        for change, found in measure_changes(payments):
            first = first or found
            folds = _format_change(found.folds, first.folds)
            test = _format_change(found.test, first.test)
            print(f"{change:<24} {folds:<31} {test}", flush=True)


def _read_all(seeds: int) -> list[tuple[str, TrainingData]]:
    home = _find_home()
    found = [(f"cards, seed {seed}", data.read_cards(home, seed)) for seed in range(1, seeds + 1)]
    return [*found, ("synccfd", data.read_synccfd(home))]


def _find_home() -> Path:
    return Settings.from_environment().home / "features"


def _describe(payments: TrainingData) -> str:
    labels = payments.table["Class"]
    return f"{len(labels):,} payments, {int(labels.sum()):,} frauds"


def _format(interval: Interval, sign: str = "") -> str:
    value, low, high = (
        "-" if each is None else f"{each:{sign}.3f}"
        for each in (interval.value, interval.low, interval.high)
    )
    return f"{value} ({low} to {high})"


def _format_change(values: Floats, of_recipe: Floats) -> str:
    """Return the mean, and the mean and range of the change for the same seeds."""
    mean = f"{values.mean():.3f}"
    change = values - of_recipe
    if not change.any():
        return mean
    return f"{mean} {change.mean():+.3f} ({change.min():+.3f} to {change.max():+.3f})"


if __name__ == "__main__":
    app()
