"""The model of creditcard.csv."""

import numpy as np
import pandas as pd
import pytest

from model import dataset
from model.artefact import compute_probabilities, decide
from model.training import inference_cost, tuning


@pytest.fixture(scope="module")
def reference(model):
    return pd.read_parquet(model.reference)


def test_the_reasons_of_every_alert_of_the_reference_add_up(model, reference):
    rows = dataset.make_matrix(reference)
    alerts = rows[compute_probabilities(model.compute_margins(rows)) >= model.thresholds.review]
    base, contributions = model.explain(alerts)
    margins = model.compute_margins(alerts)
    assert len(alerts)
    np.testing.assert_allclose(base + contributions.sum(axis=1), margins, atol=1e-4, rtol=0)
    assert "approve" not in decide(compute_probabilities(margins), model.thresholds)


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


def test_a_transaction_of_medians_is_approved(model, reference):
    row = np.median(dataset.make_matrix(reference), axis=0, keepdims=True)
    assert decide(compute_probabilities(model.compute_margins(row)), model.thresholds) == [
        "approve"
    ]
