"""Measure two alternatives to the model on the folds: two averaged seeds, and a random forest.

Run: python -m benchmarks.model_alternatives

Never reads the test part. Takes fifteen minutes of CPU time.
"""

from dataclasses import dataclass, replace
from itertools import combinations
from time import thread_time

import numpy as np
import pandas as pd
import typer
from sklearn.metrics import average_precision_score

from cli.support.settings import Settings
from model import dataset
from model.evaluation.baselines import BASELINES
from model.evaluation.comparison import compare
from model.split import split
from model.training.pipeline import fit_booster, predict_out_of_fold
from model.training.recipe import Recipe
from payments.arrays import Flags, Floats
from payments.features import FeatureEncoder
from payments.schema.reading import DEFAULT, read_schema
from producer.dataset import fetch

ENCODER = FeatureEncoder(read_schema(DEFAULT), {})  # of creditcard.csv

SEEDS = tuple(range(1, 13))  # none is the recipe's own
FOREST = "random forest with SMOTE"
AVERAGED = Recipe(parameters=Recipe().parameters | {"max_depth": 4})
_BATCH = 2_048
_TIMED_BATCHES = 200


@dataclass(frozen=True)
class Folds:
    """The training part, and the truth of the rows that each fold judges."""

    table: pd.DataFrame
    truths: list[Flags]

    @classmethod
    def of(cls, table: pd.DataFrame) -> "Folds":
        """Return the folds of a table that holds all rows."""
        folds = split(len(table)).folds
        return cls(table, [table["Class"][fold.judged].to_numpy() == 1 for fold in folds])

    def score(self, recipe: Recipe, seed: int) -> list[Floats]:
        """Return the margins of each fold's rows from boosters of this seed."""
        seeded = replace(recipe, parameters=recipe.parameters | {"seed": seed})
        return predict_out_of_fold(self.table, seeded, ENCODER)

    def measure(self, scores: list[Floats]) -> list[float]:
        """Return the average precision on each fold."""
        return [
            float(average_precision_score(truth, each))
            for truth, each in zip(self.truths, scores, strict=True)
        ]


def _measure_score_us(table: pd.DataFrame, recipe: Recipe, boosters: int) -> float:
    """Return the CPU microseconds to score a row with that many boosters; the least of all runs."""
    parts = split(len(table))
    larger = replace(recipe, trees=recipe.trees * boosters)  # two boosters cost what one costs
    booster = fit_booster(table[parts.train], larger.with_directions(table, ENCODER), ENCODER)
    booster.set_param({"nthread": 1})
    rows = dataset.make_matrix(table[parts.out_of_fold][:_BATCH], ENCODER)
    times = []
    for _ in range(_TIMED_BATCHES):
        started = thread_time()
        booster.inplace_predict(rows, predict_type="margin")
        times.append(thread_time() - started)
    return 1e6 * min(times) / len(rows)


def _print_row(name: str, measured: list[list[float]], cost_us: float) -> None:
    means = np.mean(measured, axis=1)
    print(
        f"| {name} | {means.mean():.3f} | {means.std(ddof=1):.4f} | {means.min():.3f} to "
        f"{means.max():.3f} | {cost_us:.2f} |",
        flush=True,
    )


def _compare_seeds(folds: Folds) -> None:
    recipe = Recipe()
    print(f"Mean average precision of the folds, by seed ({len(SEEDS)} seeds):\n")
    print("| booster | mean | standard deviation | range | us to score a row |")
    print("|---|---|---|---|---|")
    single = [folds.measure(folds.score(recipe, seed)) for seed in SEEDS]
    depth = recipe.parameters["max_depth"]
    _print_row(
        f"{recipe.trees} trees of depth {depth}", single, _measure_score_us(folds.table, recipe, 1)
    )
    shallow = [folds.score(AVERAGED, seed) for seed in SEEDS]
    pairs = [
        folds.measure([(one + other) / 2 for one, other in zip(*pair, strict=True)])
        for pair in combinations(shallow, 2)
    ]
    _print_row(
        f"two of {AVERAGED.trees} trees of depth 4, averaged",
        pairs,
        _measure_score_us(folds.table, AVERAGED, 2),
    )


def _compare_forest(folds: Folds) -> None:
    table = folds.table
    print("\nAverage precision by fold; the model's lead with its 95% interval:\n")
    print("| fold | frauds | model | forest | lead |")
    print("|---|---|---|---|---|")
    margins = predict_out_of_fold(table, Recipe(), ENCODER)
    for number, (fold, truth, ours) in enumerate(
        zip(split(len(table)).folds, folds.truths, margins, strict=True), 1
    ):
        forest = BASELINES[FOREST](table[fold.fitted], ENCODER)(table[fold.judged])
        compared = compare(ours, {FOREST: forest}, truth)[FOREST]
        lead = compared.difference["auprc"]
        print(
            f"| {number} | {truth.sum()} | {average_precision_score(truth, ours):.3f} | "
            f"{compared.metrics['auprc'].value:.3f} | {lead.value:.3f} ({lead.low:.3f} to "
            f"{lead.high:.3f}) |",
            flush=True,
        )


def main() -> None:
    """Print both comparisons."""
    settings = Settings.from_environment()
    table = dataset.read(fetch(settings.cache, settings.data, lambda *_: None), ENCODER)
    folds = Folds.of(table)
    _compare_seeds(folds)
    _compare_forest(folds)


if __name__ == "__main__":
    typer.run(main)
