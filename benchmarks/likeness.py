"""Measure how well simulated transactions resemble the data, and whether a classifier can tell.

Run: python -m benchmarks.likeness creditcard.csv

Uses the training part only; the test part is not read. The figures are those of
docs/simulation.md.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost
from scipy.stats import ks_2samp
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from model import dataset
from model.dataset import make_matrix
from model.split import Fold, split
from model.training import pipeline
from model.training.recipe import Recipe
from payments.contract import INPUTS
from payments.features import FeatureEncoder
from payments.schema.reading import DEFAULT, read_schema
from producer.simulation import Parameters, simulate

ENCODER = FeatureEncoder(read_schema(DEFAULT), {})  # of creditcard.csv

SEED = 1
FOLDS = 3
SAMPLES = (20_000, 100_000)  # a classifier separates better with more rows, so both are reported
XGBOOST = xgboost.XGBClassifier(
    n_estimators=100,
    max_depth=6,
    learning_rate=0.1,
    tree_method="hist",
    n_jobs=2,
    random_state=SEED,
)
# The simulator's trees remove what classifiers of their kind see; others may see more.
OTHERS: dict[str, Any] = {
    "random forest": RandomForestClassifier(100, min_samples_leaf=3, n_jobs=2, random_state=SEED),
    "neural network": make_pipeline(
        StandardScaler(), MLPClassifier((64, 32), early_stopping=True, random_state=SEED)
    ),
    "XGBoost of 400 trees": xgboost.XGBClassifier(
        **XGBOOST.get_params() | {"n_estimators": 400, "colsample_bytree": 0.5}
    ),
}


def simulate_table(rows: int) -> pd.DataFrame:
    """Return simulated rows in the form of `model.dataset.read`."""
    chunks = list(simulate(Parameters.load(), rows, SEED))
    table = pd.DataFrame(np.concatenate([chunk.values for chunk in chunks]), columns=list(INPUTS))
    table.insert(0, "Time", np.concatenate([chunk.times for chunk in chunks]))
    return table.assign(Class=np.concatenate([chunk.is_fraud for chunk in chunks]).astype("int64"))


def compute_kolmogorov_smirnov(real: pd.DataFrame, made: pd.DataFrame) -> dict[str, float]:
    """Return the two-sample statistic of each of V1..V28 and Amount."""
    return {name: float(ks_2samp(real[name], made[name]).statistic) for name in INPUTS}


def measure_separation(
    real: pd.DataFrame, made: pd.DataFrame, rows: int, classifier: Any = XGBOOST
) -> float:
    """Return the cross-validated ROC AUC of a classifier that separates real from simulated rows.

    It sees `rows` of each, drawn at random.
    """
    random = np.random.default_rng(SEED)
    features = np.vstack(
        [
            make_matrix(table, ENCODER)[random.choice(len(table), rows, replace=False)]
            for table in (real, made)
        ]
    )
    is_real = np.repeat([1, 0], rows)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    scores = cross_val_predict(classifier, features, is_real, cv=folds, method="predict_proba")
    return float(roc_auc_score(is_real, scores[:, 1]))


def measure_transfer(
    real: pd.DataFrame, made: pd.DataFrame, forward: Sequence[Fold]
) -> dict[str, float]:
    """Return the default model's average precision within and across the two files.

    Means over the forward folds, because one fold has only some 50 frauds.
    """
    tables = {"real": real, "simulated": made}
    precisions: dict[str, list[float]] = {
        f"fitted on {fitted}, judged on {judged}": [] for fitted in tables for judged in tables
    }
    for fitted, table in tables.items():
        recipe = Recipe().with_directions(table, ENCODER)
        for fold in forward:
            booster = pipeline.fit_booster(table[fold.fitted], recipe, ENCODER)
            for judged, other in tables.items():
                rows = other[fold.judged]
                margins = booster.inplace_predict(make_matrix(rows, ENCODER), predict_type="margin")
                precisions[f"fitted on {fitted}, judged on {judged}"].append(
                    float(average_precision_score(rows["Class"], margins))
                )
    return {name: float(np.mean(values)) for name, values in precisions.items()}


def measure(path: Path) -> dict[str, object]:
    """Return all figures, from the training part of the CSV at `path`."""
    table = dataset.read(path, ENCODER)
    parts = split(len(table))
    real = table[parts.train].reset_index(drop=True)
    made = simulate_table(len(real))
    distances = compute_kolmogorov_smirnov(real, made)
    worst = max(distances, key=lambda name: distances[name])
    return {
        "ks_largest": {worst: distances[worst]},
        "ks": distances,
        "separation_auc": {rows: measure_separation(real, made, rows) for rows in SAMPLES},
        f"separation_auc of others, {SAMPLES[0]:,} rows": {
            name: measure_separation(real, made, SAMPLES[0], one) for name, one in OTHERS.items()
        },
        "average_precision": measure_transfer(real, made, parts.folds),
        "average_precision on the last fold alone": measure_transfer(real, made, parts.folds[-1:]),
    }


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1])), indent=1))
