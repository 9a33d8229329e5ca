"""The model of creditcard.csv."""

import numpy as np
import pandas as pd
import pytest

from model.training import inference_cost, tuning


@pytest.fixture(scope="module")
def reference(model):
    return pd.read_parquet(model.reference)


def test_it_finds_frauds_that_it_was_not_fitted_on(model, reference):
    fraud = reference["Class"] == 1
    alert = reference["probability"] >= model.thresholds.review
    # there is room for fewer alerts than there are frauds
    assert (fraud & alert).sum() / alert.sum() > 0.8
    assert np.mean([fold.average_precision for fold in model.manifest.folds]) > 0.8


def test_it_costs_no_more_than_tuning_may_choose(model):
    assert (
        inference_cost.score_us(model.manifest.trees, model.manifest.parameters["max_depth"])
        <= tuning.MAX_SCORE_US
    )
    assert inference_cost.explain_ms(model.booster) <= tuning.MAX_EXPLAIN_MS
