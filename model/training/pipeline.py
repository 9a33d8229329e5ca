"""The training pipeline: forward folds, calibration and thresholds from them, then the booster."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xgboost
from sklearn.metrics import average_precision_score

from model.artefact import compute_probabilities
from model.dataset import TrainingData, hash_rows, make_matrix
from model.errors import TrainingError
from model.manifest import MISSING, Calibration, FittedRows, Fold, Manifest, Policy, Rows, Usual
from model.split import Split, split
from model.training import calibration, forward_cuts, patterns, thresholds
from model.training.recipe import Recipe
from model.training.thresholds import DEFAULT_POLICY, LabelledScores
from payments.arrays import Floats
from payments.features import FeatureEncoder
from payments.schema.reading import Schema

TYPICAL_QUANTILES = (0.01, 0.99)

TrainingProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class TrainedModel:
    """The content of an artefact; `hashes` in the manifest is filled in when it is written.

    `reference` holds the out-of-fold rows in time order, with margin and probability from the
    booster of their `fold`, which had not seen them.
    """

    booster: xgboost.Booster
    reference: pd.DataFrame
    manifest: Manifest
    schema: Schema


class _Report(xgboost.callback.TrainingCallback):  # type: ignore[misc]  # xgboost is untyped
    """Calls `grown` after each tree."""

    def __init__(self, grown: Callable[[], None]) -> None:
        self._grown = grown

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002 - xgboost's signature
        self._grown()
        return False


class _Counter:
    """Counts the trees of all fits for `progress(done, total)`."""

    def __init__(self, progress: TrainingProgress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def __call__(self) -> None:
        self._done += 1
        self._progress(self._done, self._total)


def train(
    data: TrainingData,
    recipe: Recipe | None = None,
    policy: Policy = DEFAULT_POLICY,
    payments_per_day: float | None = None,
    progress: TrainingProgress = lambda _done, _total: None,
) -> TrainedModel:
    """Train a model on the training part of `data`.

    Calibration, thresholds and reference come from the forward folds; then the booster is fitted
    on the whole training part. Of the test part, only the number of rows and the last Time are
    read, for `payments_per_day`; not even these if it is given. `progress` is called with the
    number of trees grown, and of all trees. Raises TrainingError.
    """
    table, encoder = data.table, data.encoder
    parts = split(len(table))
    _refuse_one_class(table, parts)
    _refuse_missing(table[parts.train], encoder)
    rate = payments_per_day or thresholds.measure_payments_per_day(table)
    recipe = (recipe or Recipe()).with_directions(table, encoder)
    edges = _segment_edges(parts)
    grown = _Counter(progress, recipe.trees * len(edges))
    boosters: dict[int, xgboost.Booster] = {}

    def fit(rows: pd.DataFrame) -> xgboost.Booster:
        boosters[len(rows)] = fit_booster(rows, recipe, encoder, grown)
        return boosters[len(rows)]

    ahead = forward_cuts.score_ahead(table, edges, fit, encoder)
    of_folds = [boosters[fold.fitted.stop] for fold in parts.folds]
    raw = [
        _raw_margins(booster, table[fold.judged], encoder)
        for booster, fold in zip(of_folds, parts.folds, strict=True)
    ]
    reference, calibrated = _make_reference(table, parts, raw)
    reference = reference.join(ahead).assign(
        pattern=patterns.explain_highest(reference, of_folds, encoder)
    )
    chosen = thresholds.choose_thresholds(policy, LabelledScores.from_reference(reference, rate))
    cuts = forward_cuts.read_cuts(reference, parts.out_of_fold.start, rate)
    manifest = Manifest(
        schema=encoder.schema.reference,
        categories=encoder.categories,
        features=encoder.names,
        thresholds=chosen,
        policy=policy,
        calibration=calibrated,
        usual=_find_typical_ranges(table[parts.train], encoder),
        hashes={},
        fitted_on=FittedRows(
            **_describe_rows(parts.train).model_dump(),
            dataset_sha256=data.sha256,
            rows_sha256=hash_rows(table[parts.train]),
        ),
        out_of_fold=_describe_rows(parts.out_of_fold),
        folds=_describe_folds(table, parts, raw),
        test=_describe_rows(parts.test),
        parameters=recipe.all_parameters,
        trees=recipe.trees,
        payments_per_day=rate,
        cuts=tuple(cut.try_policy(policy) for cut in cuts),
        patterns=patterns.count_patterns(reference, chosen.review),
        label_delay=data.label_delay,
    )
    booster = calibration.calibrate_booster(
        fit_booster(table[parts.train], recipe, encoder, grown), calibrated
    )
    return TrainedModel(booster, reference, manifest, encoder.schema)


def predict_out_of_fold(
    table: pd.DataFrame,
    recipe: Recipe,
    encoder: FeatureEncoder,
    grown: Callable[[], None] = lambda: None,
) -> list[Floats]:
    """Return the raw margins of each forward fold's judged rows.

    Each fold's booster is fitted on the rows before them. `grown` is called after each tree.
    """
    recipe = recipe.with_directions(table, encoder)
    return [
        _raw_margins(
            fit_booster(table[fold.fitted], recipe, encoder, grown), table[fold.judged], encoder
        )
        for fold in split(len(table)).folds
    ]


def fit_booster(
    table: pd.DataFrame,
    recipe: Recipe,
    encoder: FeatureEncoder,
    grown: Callable[[], None] = lambda: None,
) -> xgboost.Booster:
    """Return a booster fitted on all rows of `table`."""
    parameters = recipe.all_parameters
    data = xgboost.QuantileDMatrix(
        make_matrix(table, encoder),
        table["Class"].to_numpy(),
        feature_names=list(encoder.names),
        feature_types=encoder.feature_types,
        nthread=parameters["nthread"],
        max_bin=parameters.get("max_bin"),
    )
    return xgboost.train(parameters, data, num_boost_round=recipe.trees, callbacks=[_Report(grown)])


def _raw_margins(booster: xgboost.Booster, rows: pd.DataFrame, encoder: FeatureEncoder) -> Floats:
    matrix = make_matrix(rows, encoder)
    return np.asarray(booster.inplace_predict(matrix, predict_type="margin"), np.float64)


def _segment_edges(parts: Split) -> list[int]:
    """Return the edges of segments of half a fold, so that every fold's booster is one of them."""
    starts = [fold.judged.start for fold in parts.folds]
    middles = [(fold.judged.start + fold.judged.stop) // 2 for fold in parts.folds]
    return sorted([*starts, *middles, parts.out_of_fold.stop])


def _describe_rows(part: slice) -> Rows:
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
                    f"no {kind} among the {part.stop - part.start} {name}; use a longer file"
                )


def _refuse_missing(fitted: pd.DataFrame, encoder: FeatureEncoder) -> None:
    legitimate = fitted.loc[fitted["Class"] == 0, list(encoder.names)]
    for name, missing in legitimate.isna().all().items():
        if missing:
            raise TrainingError(
                f"{name} is missing in all legitimate payments of the training part; use a longer "
                "file, or remove the feature from the schema"
            )


def _make_reference(
    table: pd.DataFrame, parts: Split, raw: list[Floats]
) -> tuple[pd.DataFrame, Calibration]:
    judged = table[parts.out_of_fold].reset_index(drop=True)
    pooled = np.concatenate(raw)
    fitted = calibration.fit_platt_scaling(pooled, judged["Class"].to_numpy() == 1)
    margins = fitted.scale * pooled + fitted.offset
    fold = np.repeat(np.arange(1, len(raw) + 1, dtype=np.int8), [len(part) for part in raw])
    return judged.assign(
        margin=margins, probability=compute_probabilities(margins), fold=fold
    ), fitted


def _describe_folds(table: pd.DataFrame, parts: Split, raw: list[Floats]) -> tuple[Fold, ...]:
    truth = table["Class"].to_numpy()
    return tuple(
        Fold(
            fitted=_describe_rows(fold.fitted),
            judged=_describe_rows(fold.judged),
            average_precision=float(average_precision_score(truth[fold.judged], scores)),
        )
        for fold, scores in zip(parts.folds, raw, strict=True)
    )


def _find_typical_ranges(fitted: pd.DataFrame, encoder: FeatureEncoder) -> dict[str, Usual]:
    legitimate = fitted.loc[fitted["Class"] == 0, list(encoder.names)]
    low, high = (legitimate.quantile(q) for q in TYPICAL_QUANTILES)
    return {
        name: _find_shares(legitimate[name], encoder.categories[name])
        if name in encoder.categories
        else (float(low[name]), float(high[name]))
        for name in encoder.names
    }


def _find_shares(codes: "pd.Series[float]", values: Sequence[str]) -> dict[str, float]:
    """Return the share of rows with each value of a category, and without one."""
    shares = codes.value_counts(normalize=True)
    present = float(codes.notna().mean())
    found = {value: present * float(shares.get(code, 0.0)) for code, value in enumerate(values)}
    return found | {MISSING: 1 - present}
