"""Baselines see only the model's own rows, and differences to them are paired."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from support.data import labelled
from support.data.transactions import ENCODER

from model.errors import TrainingError
from model.evaluation import baselines
from model.evaluation.comparison import compare
from model.manifest import Fold, Rows

FITTED = Rows(first=0, last=1999, rows=2000)
FOLD = Fold(
    fitted=Rows(first=0, last=999, rows=1000),
    judged=Rows(first=1000, last=1999, rows=1000),
    average_precision=0.5,
)


def run(table, rows, folds=()):
    return baselines.run_baselines(table, FITTED, folds, rows, ENCODER, lambda _: None)


@pytest.fixture(scope="module")
def fitted():
    table = labelled.rows(3000)
    return table, run(table, table[2000:], (FOLD,))


def test_they_learn_and_amount_does_not(fitted):
    table, results = fitted
    assert list(results) == [
        "XGBoost defaults",
        "XGBoost defaults, base score 0.5",
        "random forest with SMOTE",
        "logistic regression",
        "Amount alone",
    ]
    fraud = table["Class"][2000:] == 1
    precisions = {name: average_precision_score(fraud, one.scores) for name, one in results.items()}
    assert min(precision for name, precision in precisions.items() if name != "Amount alone") > 0.3
    assert precisions["Amount alone"] < 0.1
    assert results["Amount alone"].folds == [
        average_precision_score(table["Class"][1000:2000], table["Amount"][1000:2000])
    ]


def test_the_evaluated_rows_do_not_affect_the_fit(fitted):
    table, results = fitted
    changed = table.copy()
    changed.loc[2000:, "Class"] = 1 - changed.loc[2000:, "Class"]
    changed.loc[2500:, "V4"] += 100.0
    again = run(changed, changed[2000:])
    fewer = run(changed, changed[2000:2500])
    for name, one in results.items():
        np.testing.assert_array_equal(again[name].scores[:500], one.scores[:500], err_msg=name)
        # BLAS may add fewer rows in another order
        np.testing.assert_allclose(fewer[name].scores, one.scores[:500], rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("frauds", [0, 5, 300])
def test_rows_that_smote_cannot_use_are_an_error(frauds):
    table = labelled.rows(3000)
    table["Class"] = (np.arange(3000) < frauds).astype(int)
    with pytest.raises(TrainingError, match=f"{frauds} frauds among 2000 rows"):
        run(table, table[2000:])


def test_differences_are_paired():
    random = np.random.default_rng(1)
    fraud = random.random(3000) < 0.02
    scores = random.normal(size=3000) + 2 * fraud
    others = {
        "the same": scores * 2 + 1,
        "a little worse": scores + random.normal(0, 0.05, 3000),
        "noise": random.normal(size=3000),
    }
    compared = compare(scores, others, fraud, resamples=200)
    same = compared["the same"].difference["auprc"]
    assert (same.value, same.low, same.high) == (0, 0, 0)
    near = compared["a little worse"]
    unpaired = near.metrics["auprc"].high - near.metrics["auprc"].low
    assert near.difference["auprc"].high - near.difference["auprc"].low < unpaired / 3
    assert compared["noise"].difference["auprc"].low > 0
