"""From labelled rows to an artefact's content: forward folds, calibration and thresholds from them, then the booster itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xgboost
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from model.artefact import probabilities
from model.dataset import matrix, rows_sha256
from model.errors import TrainingError
from model.manifest import Calibration, FittedRows, Fold, Manifest, Policy, Rows
from model.training import calibration, thresholds
from model.training.recipe import Recipe
from model.training.split import Split, split
from model.training.thresholds import DEFAULT_POLICY, LabelledScores
from payments.contract import INPUTS

TYPICAL_QUANTILES = (0.01, 0.99)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class TrainedModel:
    """Everything that an artefact is made of; the manifest's `hashes` are filled in when it is written.

    `reference`: the out-of-fold rows in time order, with margin and probability by the booster of their `fold`, which had not seen them.
    """

    booster: xgboost.Booster
    reference: pd.DataFrame
    manifest: Manifest


class _Report(xgboost.callback.TrainingCallback):  # type: ignore[misc]  # xgboost is not read by mypy
    """Tells that one more tree is grown."""

    def __init__(self, grown: Callable[[], None]) -> None:
        self._grown = grown

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002 - xgboost's signature
        self._grown()
        return False


class _Counter:
    """Turns single trees into `progress(done, total)` over all fits."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __call__(self) -> None:
        self._done += 1
        self._progress(self._done, self._total)


def train(
    table: pd.DataFrame,
    dataset_sha256: str,
    recipe: Recipe | None = None,
    policy: Policy = DEFAULT_POLICY,
    progress: Progress = lambda _done, _total: None,
) -> TrainedModel:
    """Calibration, thresholds and reference from the forward folds, then the booster on the whole training part. The test part is not read.

    `table` is what `model.dataset.read` returns; `progress` is told the trees grown and how many there will be. Raises TrainingError.
    """
    parts = split(len(table))
    _refuse_one_class(table, parts)
    recipe = (recipe or Recipe()).with_directions(table)
    grown = _Counter(progress, recipe.trees * (len(parts.folds) + 1))
    raw = out_of_fold_margins(table, recipe, grown)
    reference, calibrated = _reference(table, parts, raw)
    manifest = Manifest(
        features=INPUTS,
        thresholds=thresholds.choose_thresholds(policy, LabelledScores.from_reference(reference)),
        policy=policy,
        calibration=calibrated,
        usual=_typical_ranges(table[parts.train]),
        hashes={},
        fitted_on=FittedRows(
            **rows(parts.train).model_dump(),
            dataset_sha256=dataset_sha256,
            rows_sha256=rows_sha256(table[parts.train]),
        ),
        out_of_fold=rows(parts.out_of_fold),
        folds=_folds(table, parts, raw),
        test=rows(parts.test),
        parameters=recipe.all_parameters,
        trees=recipe.trees,
    )
    booster = calibration.calibrate_booster(
        fit_booster(table[parts.train], recipe, grown), calibrated
    )
    return TrainedModel(booster, reference, manifest)


def out_of_fold_margins(
    table: pd.DataFrame, recipe: Recipe, grown: Callable[[], None] = lambda: None
) -> list[NDArray[np.float64]]:
    """The raw margins of each forward fold's judged rows, by a booster fitted on the rows before them. `grown` is called for every tree."""
    found, recipe = [], recipe.with_directions(table)
    for fold in split(len(table)).folds:
        booster = fit_booster(table[fold.fitted], recipe, grown)
        found.append(
            np.asarray(
                booster.inplace_predict(matrix(table[fold.judged]), predict_type="margin"),
                np.float64,
            )
        )
    return found


def fit_booster(
    table: pd.DataFrame, recipe: Recipe, grown: Callable[[], None] = lambda: None
) -> xgboost.Booster:
    """A booster on all rows of `table`."""
    data = xgboost.QuantileDMatrix(
        matrix(table),
        table["Class"].to_numpy(),
        feature_names=list(INPUTS),
        nthread=recipe.all_parameters["nthread"],
    )
    return xgboost.train(
        recipe.all_parameters, data, num_boost_round=recipe.trees, callbacks=[_Report(grown)]
    )


def rows(part: slice) -> Rows:
    """A slice as a manifest names it."""
    return Rows(first=part.start, last=part.stop - 1, rows=part.stop - part.start)


def _refuse_one_class(table: pd.DataFrame, parts: Split) -> None:
    needed = {"rows of the first half of the training part": parts.folds[0].fitted}
    needed |= {
        f"judged rows of fold {number}": fold.judged for number, fold in enumerate(parts.folds, 1)
    }
    for name, part in needed.items():
        for value, kind in ((0, "legitimate transaction"), (1, "fraud")):
            if not (table["Class"][part] == value).any():
                raise TrainingError(
                    f"there is no {kind} among the {part.stop - part.start} {name}: give a longer file"
                )


def _reference(
    table: pd.DataFrame, parts: Split, raw: list[NDArray[np.float64]]
) -> tuple[pd.DataFrame, Calibration]:
    judged, pooled = table[parts.out_of_fold].reset_index(drop=True), np.concatenate(raw)
    found = calibration.fit_platt_scaling(pooled, judged["Class"].to_numpy() == 1)
    margins = found.scale * pooled + found.offset
    fold = np.repeat(np.arange(1, len(raw) + 1, dtype=np.int8), [len(part) for part in raw])
    return judged.assign(margin=margins, probability=probabilities(margins), fold=fold), found


def _folds(table: pd.DataFrame, parts: Split, raw: list[NDArray[np.float64]]) -> tuple[Fold, ...]:
    truth = table["Class"].to_numpy()
    return tuple(
        Fold(
            fitted=rows(fold.fitted),
            judged=rows(fold.judged),
            average_precision=float(average_precision_score(truth[fold.judged], scores)),
        )
        for fold, scores in zip(parts.folds, raw, strict=True)
    )


def _typical_ranges(fitted: pd.DataFrame) -> dict[str, tuple[float, float]]:
    legitimate = fitted.loc[fitted["Class"] == 0, list(INPUTS)]
    low, high = (legitimate.quantile(q) for q in TYPICAL_QUANTILES)
    return {name: (float(low[name]), float(high[name])) for name in INPUTS}
