"""Average precision with more bins, and with another base score, than the recipe has."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import average_precision_score

from model.dataset import TrainingData, make_matrix
from model.split import split
from model.training.pipeline import fit_booster, predict_out_of_fold
from model.training.recipe import Recipe
from payments.arrays import Floats

SEEDS = (1, 2, 3)  # none is the recipe's own

CHANGES: dict[str, dict[str, Any]] = {
    "the recipe": {},
    "max_bin 4096": {"max_bin": 4096},
    "base score of XGBoost": {"base_score": None},
}


class Quality(NamedTuple):
    """Average precision by seed of the trees: on the forward folds (mean) and on the test part."""

    folds: Floats
    test: Floats


def measure_changes(data: TrainingData) -> Iterator[tuple[str, Quality]]:
    """Yield the quality of the recipe and of each change to it."""
    for name, change in CHANGES.items():
        measured = [_measure(data, change | {"seed": seed}) for seed in SEEDS]
        folds, test = np.array(measured).T
        yield name, Quality(folds, test)


def _measure(data: TrainingData, change: dict[str, Any]) -> tuple[float, float]:
    table, encoder = data.table, data.encoder
    parts = split(len(table))
    truth = table["Class"].to_numpy()
    recipe = Recipe(Recipe().parameters | change).with_directions(table, encoder)
    judged = [fold.judged for fold in parts.folds]
    folds = [
        average_precision_score(truth[part], margins)
        for part, margins in zip(judged, predict_out_of_fold(table, recipe, encoder), strict=True)
    ]
    booster = fit_booster(table[parts.train], recipe, encoder)
    margins = booster.inplace_predict(make_matrix(table[parts.test], encoder))
    return float(np.mean(folds)), float(average_precision_score(truth[parts.test], margins))
