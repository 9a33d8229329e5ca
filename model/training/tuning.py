"""Search for better tree parameters on the forward folds, within limits of scoring time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import optuna
import pandas as pd
from sklearn.metrics import average_precision_score

from model.split import split
from model.training.inference_cost import explain_ms, score_us
from model.training.pipeline import fit_booster, predict_out_of_fold
from model.training.recipe import Recipe
from payments.features import FeatureEncoder

# Limits for scoring a row and explaining an alert, as estimated by `model.training.inference_cost`.
# Alerts are 0.15% of the rows, so 1 ms is 1.5 us a row.
MAX_SCORE_US = 2.5
MAX_EXPLAIN_MS = 1.0
SECONDS = 13 * 60.0  # 15 minutes with the final fit
_SEARCH_SHARE = 0.7  # of the time; the rest is for scoring the best again
# The same parameters' mean over the folds varies by 0.004 between seeds (standard deviation of
# three), so the best of many trials is partly luck.
_FINALISTS = 3
_SEEDS = (1, 2)
_THREADS = 2


@dataclass(frozen=True)
class TuningResult:
    """The recipe found, and average precision with it and with the defaults.

    Both are means over the folds and over seeds not used in the search; None if there was no time
    for these seeds.
    """

    recipe: Recipe
    average_precision: float | None
    default_average_precision: float | None
    trials: int


@dataclass(frozen=True)
class TuningProgress:
    """Seconds elapsed, trials finished, and the best mean average precision so far (one seed)."""

    elapsed: float
    trials: int
    best: float | None


class _OutOfTimeError(Exception):
    """The time is up; the current fit is abandoned."""


class _FoldScorer:
    """Measures recipes on the forward folds. Raises _OutOfTimeError between two trees."""

    def __init__(
        self, table: pd.DataFrame, encoder: FeatureEncoder, clock: Callable[[], float]
    ) -> None:
        self._table = table
        self._encoder = encoder
        self._clock = clock
        truth = table["Class"].to_numpy()
        self._truths = [truth[fold.judged] for fold in split(len(table)).folds]

    def measure(self, recipe: Recipe, deadline: float) -> float:
        """Return the mean average precision over the folds."""
        margins = predict_out_of_fold(
            self._table, recipe, self._encoder, self._check_time(deadline)
        )
        folds = zip(self._truths, margins, strict=True)
        return float(np.mean([average_precision_score(truth, scores) for truth, scores in folds]))

    def explain_ms(self, recipe: Recipe, deadline: float) -> float:
        """Return the milliseconds to explain a row.

        Fits the whole training part, because the folds' boosters have fewer rows and so fewer
        leaves.
        """
        train = self._table[split(len(self._table)).train]
        directed = recipe.with_directions(self._table, self._encoder)
        return explain_ms(fit_booster(train, directed, self._encoder, self._check_time(deadline)))

    def _check_time(self, deadline: float) -> Callable[[], None]:
        def grown() -> None:
            if self._clock() > deadline:
                raise _OutOfTimeError

        return grown


def tune(
    table: pd.DataFrame,
    encoder: FeatureEncoder,
    clock: Callable[[], float],
    seconds: float = SECONDS,
    progress: Callable[[TuningProgress], None] = lambda _: None,
) -> TuningResult:
    """Return the best recipe found in `seconds` by `clock`, or the defaults if none is better.

    Searches with the tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011; optuna), two
    trials at a time, then scores its best recipes and the defaults again with other seeds and takes
    the best of these. The result depends on the speed of the machine. No trial scores a row in more
    than MAX_SCORE_US, and none becomes a finalist if explaining a row takes more than
    MAX_EXPLAIN_MS. The test part is not read.
    """
    start = clock()
    scorer = _FoldScorer(table, encoder, clock)
    study = _search(
        scorer,
        start + seconds * _SEARCH_SHARE,
        lambda trials, best: progress(TuningProgress(clock() - start, trials, best)),
    )
    finished = [trial for trial in study.trials if trial.value is not None]
    best = sorted(finished, key=lambda trial: trial.value or 0.0, reverse=True)[:_FINALISTS]
    best_value = study.best_value if finished else None
    finalists: list[tuple[float, Recipe]] = []
    for recipe in [Recipe(), *(_make_recipe(trial) for trial in best)]:
        try:
            finalists.append((_average_over_seeds(scorer, recipe, start + seconds), recipe))
        except _OutOfTimeError:
            break
        progress(TuningProgress(clock() - start, len(finished), best_value))
    if not finalists:
        return TuningResult(Recipe(), None, None, len(finished))
    value, recipe = max(finalists, key=lambda finalist: finalist[0])
    return TuningResult(recipe, value, finalists[0][0], len(finished))


def _average_over_seeds(scorer: _FoldScorer, recipe: Recipe, deadline: float) -> float:
    seeded = [replace(recipe, parameters=recipe.parameters | {"seed": seed}) for seed in _SEEDS]
    return float(np.mean([scorer.measure(one, deadline) for one in seeded]))


def _search(
    scorer: _FoldScorer, deadline: float, progress: Callable[[int, float | None], None]
) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=20130901)
    )

    def objective(trial: optuna.Trial) -> float:
        recipe = _make_recipe(trial)
        try:
            value = scorer.measure(recipe, deadline)
            better = sum(other > value for other in _list_values(study))
            if better < _FINALISTS and scorer.explain_ms(recipe, deadline) > MAX_EXPLAIN_MS:
                raise optuna.TrialPruned
        except _OutOfTimeError:
            study.stop()
            raise optuna.TrialPruned from None
        return value

    def report(study: optuna.Study, _: optuna.trial.FrozenTrial) -> None:
        values = _list_values(study)
        progress(len(values), max(values, default=None))

    study.optimize(objective, n_jobs=_THREADS, callbacks=[report])
    return study


def _list_values(study: optuna.Study) -> list[float]:
    return [trial.value for trial in study.trials if trial.value is not None]


def _make_recipe(trial: Any) -> Recipe:
    """Return the recipe of a trial, running or finished."""
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
    return Recipe(parameters, int(share * MAX_SCORE_US / score_us(1, depth)), directed)
