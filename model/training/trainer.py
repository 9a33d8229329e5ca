"""From labelled rows to an artefact's content: forward folds, calibration and thresholds from them, then the booster itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
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
from model.training.split import Split, split
from model.training.thresholds import DEFAULT_POLICY, Scored
from payments.contract import INPUTS

_FIXED: dict[str, Any] = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    # XGBoost 3 starts from the share of frauds, where a row's second derivative is 0.002: the least weight of a leaf is then some thousand
    # rows, and the first steps are long. From 0.5, the default before 2.0, six drawn sets of parameters out of six were better on forward
    # folds of creditcard.csv, by 0.005 to 0.017 of average precision.
    "base_score": 0.5,
    "seed": 20130901,
    "nthread": 1,  # sums in another order are other bytes, and the version is a hash of the bytes
}
# An input whose correlation with fraud is at least this strong may move the score only its way. With directions, three drawn sets of
# parameters out of three were better on forward folds, by 0.001 to 0.010 (from a base score of 0.5).
LEAST_CORRELATION = 0.06
# Chosen inside the training part of creditcard.csv, for what it costs: by `model.training.inference_cost` a third of the 200 trees of depth 7 before. Beside
# those, over six seeds that had no part in the choice: average precision on the folds 0.825 (0.820); on seven longer cuts, each judged on
# as many rows as the test part has, 0.821 (0.816); the folds' margins in one ranking 0.820 (0.818).
_TUNED: dict[str, Any] = {
    "max_depth": 5,
    "eta": 0.125,
    "subsample": 0.9,
    "colsample_bylevel": 0.3,
}
TREES = 80
USUAL_QUANTILES = (0.01, 0.99)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Recipe:
    """XGBoost's parameters, and how many trees. Threads are fixed at one, and so is the seed unless another is given.

    `directed`: whether the data says which way each input may move the score; see `resolved`.
    """

    parameters: dict[str, Any] = field(default_factory=lambda: dict(_TUNED))
    trees: int = TREES
    directed: bool = True

    def resolved(self, table: pd.DataFrame) -> "Recipe":
        """With the directions that the data says: the signs of strong correlations with fraud in the first half of the training part.

        No fold judges those rows, so that no fold's figure owes anything to its own labels; and each fold is forbidden what only a few
        frauds of one day would teach. `table` holds all rows, as for `train`.
        """
        if not self.directed:
            return self
        known = table[split(len(table)).folds[0].fitted]
        strength = known[list(INPUTS)].corrwith(known["Class"]).fillna(0.0)
        signs = np.where(strength.abs() >= LEAST_CORRELATION, np.sign(strength), 0).astype(int)
        constraints = {"monotone_constraints": f"({','.join(map(str, signs))})"}
        return Recipe(self.parameters | constraints, self.trees, directed=False)

    @property
    def complete(self) -> dict[str, Any]:
        """All that XGBoost is told."""
        return _FIXED | self.parameters


@dataclass(frozen=True)
class Trained:
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
) -> Trained:
    """Calibration, thresholds and reference from the forward folds, then the booster on the whole training part. The test part is not read.

    `table` is what `model.dataset.read` returns; `progress` is told the trees grown and how many there will be. Raises TrainingError.
    """
    parts = split(len(table))
    _refuse_one_class(table, parts)
    recipe = (recipe or Recipe()).resolved(table)
    grown = _Counter(progress, recipe.trees * (len(parts.folds) + 1))
    raw = out_of_fold(table, recipe, grown)
    reference, calibrated = _reference(table, parts, raw)
    manifest = Manifest(
        features=INPUTS,
        thresholds=thresholds.choose(policy, Scored.of(reference)),
        policy=policy,
        calibration=calibrated,
        usual=_usual(table[parts.train]),
        hashes={},
        fitted_on=FittedRows(
            **rows(parts.train).model_dump(),
            dataset_sha256=dataset_sha256,
            rows_sha256=rows_sha256(table[parts.train]),
        ),
        out_of_fold=rows(parts.out_of_fold),
        folds=_folds(table, parts, raw),
        test=rows(parts.test),
        parameters=recipe.complete,
        trees=recipe.trees,
    )
    booster = calibration.folded(fit(table[parts.train], recipe, grown), calibrated)
    return Trained(booster, reference, manifest)


def out_of_fold(
    table: pd.DataFrame, recipe: Recipe, grown: Callable[[], None] = lambda: None
) -> list[NDArray[np.float64]]:
    """The raw margins of each forward fold's judged rows, by a booster fitted on the rows before them. `grown` is called for every tree."""
    found, recipe = [], recipe.resolved(table)
    for fold in split(len(table)).folds:
        booster = fit(table[fold.fitted], recipe, grown)
        found.append(
            np.asarray(
                booster.inplace_predict(matrix(table[fold.judged]), predict_type="margin"),
                np.float64,
            )
        )
    return found


def fit(
    table: pd.DataFrame, recipe: Recipe, grown: Callable[[], None] = lambda: None
) -> xgboost.Booster:
    """A booster on all rows of `table`."""
    data = xgboost.QuantileDMatrix(
        matrix(table),
        table["Class"].to_numpy(),
        feature_names=list(INPUTS),
        nthread=_FIXED["nthread"],
    )
    return xgboost.train(
        recipe.complete, data, num_boost_round=recipe.trees, callbacks=[_Report(grown)]
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
    found = calibration.fit(pooled, judged["Class"].to_numpy() == 1)
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


def _usual(fitted: pd.DataFrame) -> dict[str, tuple[float, float]]:
    legitimate = fitted.loc[fitted["Class"] == 0, list(INPUTS)]
    low, high = (legitimate.quantile(q) for q in USUAL_QUANTILES)
    return {name: (float(low[name]), float(high[name])) for name in INPUTS}
