"""`fraud evaluate` on creditcard.csv, recomputed with pandas, XGBoost and scikit-learn alone."""

import hashlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)
from support.commands import FRAUD, run

COLUMNS = [f"V{i}" for i in range(1, 29)] + ["Amount"]


@pytest.fixture(scope="module")
def reported(model, creditcard, tmp_path_factory):
    """What the command says about the test part; the card that it writes to is that of a copy."""
    copy = shutil.copytree(model.directory, tmp_path_factory.mktemp("models") / model.version)
    done = run([*FRAUD, "evaluate", "--json", "--quiet", "--model", copy], timeout=200)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def recomputed(model, creditcard):
    """Truth, probability and amount of the rows that the manifest calls the test part."""
    manifest = json.loads((model.directory / "manifest.json").read_text())
    assert (
        hashlib.sha256(creditcard.read_bytes()).hexdigest()
        == manifest["fitted_on"]["dataset_sha256"]
    )
    rows = pd.read_csv(creditcard)[manifest["test"]["first"] : manifest["test"]["last"] + 1]
    booster = xgboost.Booster(model_file=str(model.directory / "model.ubj"))
    margin = booster.predict(
        xgboost.DMatrix(rows[COLUMNS], feature_names=COLUMNS), output_margin=True
    ).astype(np.float64)
    return rows["Class"].to_numpy(), 1 / (1 + np.exp(-margin)), rows["Amount"].to_numpy(), manifest


def test_the_metrics_are_scikit_learns(reported, recomputed):
    truth, scores, _, manifest = recomputed
    false_positives, recall, _ = roc_curve(truth, scores, drop_intermediate=False)
    precision, recalls, _ = precision_recall_curve(truth, scores)
    expected = {
        "auprc": average_precision_score(truth, scores),
        "roc_auc": roc_auc_score(truth, scores),
        "recall_at_fpr_1pct": recall[false_positives <= 0.01].max(),
        "recall_at_precision_90": recalls[precision >= 0.9].max(),
        "brier": brier_score_loss(truth, scores),
    }
    assert {name: one["value"] for name, one in reported["test"].items()} == pytest.approx(
        expected, abs=1e-6
    )
    assert reported["folds"]["auprc"] == [fold["average_precision"] for fold in manifest["folds"]]
    assert (reported["data"]["rows"], reported["data"]["frauds"]) == (len(truth), truth.sum())


def test_the_headline_counts_what_the_threshold_flags(reported, recomputed):
    truth, scores, amounts, manifest = recomputed
    flagged = scores >= manifest["thresholds"]["review"]
    at_capacity = reported["at_capacity"]
    assert at_capacity["flagged"] == flagged.sum()
    assert at_capacity["caught"] == (flagged & (truth == 1)).sum()
    assert at_capacity["precision"]["value"] == pytest.approx(truth[flagged].mean())
    assert at_capacity["recall"]["value"] == pytest.approx(flagged[truth == 1].mean())
    assert at_capacity["money"]["value"] == pytest.approx(
        amounts[flagged & (truth == 1)].sum() / amounts[truth == 1].sum()
    )


def test_the_interval_is_that_of_resampled_rows(reported, recomputed):
    truth, scores, _, _ = recomputed
    random = np.random.default_rng(7)
    samples = [random.integers(0, len(truth), len(truth)) for _ in range(200)]
    low, high = np.quantile(
        [average_precision_score(truth[rows], scores[rows]) for rows in samples], [0.025, 0.975]
    )
    # 200 samples place an end of the interval within about a fifth of its width
    assert reported["test"]["auprc"]["low"] == pytest.approx(low, abs=(high - low) / 5)
    assert reported["test"]["auprc"]["high"] == pytest.approx(high, abs=(high - low) / 5)
