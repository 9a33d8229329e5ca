"""Searching for better parameters of the trees: on the forward folds, under the limits of what a row and an alert may cost."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import optuna
import pandas as pd
from sklearn.metrics import average_precision_score

from model.training.inference_cost import explain_ms, score_us
from model.training.pipeline import fit_booster, out_of_fold_margins
from model.training.recipe import Recipe
from model.training.split import split

# What the stream can afford of a row, and of an alert (0.15 % of rows, so 1.5 us of a row), as `model.training.inference_cost` counts it.
MOST_SCORE_US = 2.5
MOST_EXPLAIN_MS = 1.0
SECONDS = 13 * 60.0  # and then the model itself is fitted: 15 minutes in all
_SEARCH_SHARE = 0.7  # of the time; the rest is for judging the best again
# From seed to seed the same parameters' mean over the folds moves by 0.004 (standard deviation of three): the best of many trials is
# partly luck.
_FINALISTS = 3
_SEEDS = (1, 2)
_THREADS = 2


@dataclass(frozen=True)
class TuningResult:
    """What was found, with the average precision of `recipe` and of the defaults: means over the folds, and over seeds that are new.

    None where the time did not suffice for these seeds.
    """

    recipe: Recipe
    average_precision: float | None
    default_average_precision: float | None
    trials: int


@dataclass(frozen=True)
class TuningProgress:
    """How far the search is: share of the time gone, trials finished, and the best mean average precision so far (one seed)."""

    elapsed: float
    trials: int
    best: float | None


class _OutOfTimeError(Exception):
    """The time is up; what was being judged is left unjudged."""


class _Judge:
    """Mean average precision of a recipe over the forward folds, and what its booster costs. Both raise _OutOfTimeError amid a tree."""

    def __init__(self, table: pd.DataFrame, clock: Callable[[], float]) -> None:
        self._table, self._clock = table, clock
        truth = table["Class"].to_numpy()
        self._truths = [truth[fold.judged] for fold in split(len(table)).folds]

    def __call__(self, recipe: Recipe, deadline: float) -> float:
        scores = out_of_fold_margins(self._table, recipe, self._until(deadline))
        return float(
            np.mean(
                [
                    average_precision_score(truth, found)
                    for truth, found in zip(self._truths, scores, strict=True)
                ]
            )
        )

    def explain_ms(self, recipe: Recipe, deadline: float) -> float:
        """Of the booster that `model.training.pipeline.train` would fit: those of the folds have fewer rows, and so fewer leaves."""
        train = self._table[split(len(self._table)).train]
        return explain_ms(
            fit_booster(train, recipe.with_directions(self._table), self._until(deadline))
        )

    def _until(self, deadline: float) -> Callable[[], None]:
        def grown() -> None:
            if self._clock() > deadline:
                raise _OutOfTimeError

        return grown


def tune(
    table: pd.DataFrame,
    clock: Callable[[], float],
    seconds: float = SECONDS,
    progress: Callable[[TuningProgress], None] = lambda _: None,
) -> TuningResult:
    """The best recipe found within `seconds` by `clock`; the defaults, where nothing does better. The test part is not read.

    A search by the tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011; optuna), two trials at a time; then its best and the
    defaults are judged again with other seeds, and the best of these is taken. What is found depends on how fast the machine is.
    No trial scores a row in more than MOST_SCORE_US; one that would be a finalist is refused if explaining takes over MOST_EXPLAIN_MS.
    """
    start = clock()
    judge = _Judge(table, clock)
    study = _search(
        judge,
        start + seconds * _SEARCH_SHARE,
        lambda trials, best: progress(TuningProgress(clock() - start, trials, best)),
    )
    finished = [trial for trial in study.trials if trial.value is not None]
    best = sorted(finished, key=lambda trial: trial.value or 0.0, reverse=True)[:_FINALISTS]
    judged: list[tuple[float, Recipe]] = []
    for recipe in [Recipe(), *(_recipe(trial) for trial in best)]:
        try:
            seeded = [
                replace(recipe, parameters=recipe.parameters | {"seed": seed}) for seed in _SEEDS
            ]
            judged.append((float(np.mean([judge(one, start + seconds) for one in seeded])), recipe))
        except _OutOfTimeError:
            break
        progress(
            TuningProgress(clock() - start, len(finished), study.best_value if finished else None)
        )
    if not judged:
        return TuningResult(Recipe(), None, None, len(finished))
    value, recipe = max(judged, key=lambda found: found[0])
    return TuningResult(recipe, value, judged[0][0], len(finished))


def _search(
    judge: _Judge, deadline: float, progress: Callable[[int, float | None], None]
) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=20130901)
    )

    def objective(trial: optuna.Trial) -> float:
        recipe = _recipe(trial)
        try:
            found = judge(recipe, deadline)
            better = sum(value > found for value in _values(study))
            if better < _FINALISTS and judge.explain_ms(recipe, deadline) > MOST_EXPLAIN_MS:
                raise optuna.TrialPruned
        except _OutOfTimeError:
            study.stop()
            raise optuna.TrialPruned from None
        return found

    def told(study: optuna.Study, _: optuna.trial.FrozenTrial) -> None:
        values = _values(study)
        progress(len(values), max(values, default=None))

    study.optimize(objective, n_jobs=_THREADS, callbacks=[told])
    return study


def _values(study: optuna.Study) -> list[float]:
    return [trial.value for trial in study.trials if trial.value is not None]


def _recipe(trial: Any) -> Recipe:
    """What a trial says: a running one is asked, a finished one answers with what it was."""
    depth = trial.suggest_int("max_depth", 3, 8)
    parameters: dict[str, Any] = {
        "max_depth": depth,
        "eta": trial.suggest_float("eta", 0.03, 0.2, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "colsample_bylevel": trial.suggest_float("colsample_bylevel", 0.25, 1.0),
        "min_child_weight": trial.suggest_float("min_child_weight", 0.5, 10.0, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.5, 30.0, log=True),
    }
    directed = trial.suggest_categorical("directed", [True, False])
    share = trial.suggest_float("share_of_cost", 0.2, 1.0)
    return Recipe(parameters, int(share * MOST_SCORE_US / score_us(1, depth)), directed)
