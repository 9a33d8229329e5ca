"""Ranking metrics equal scikit-learn's for any weights, with ties and with one class."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from model.evaluation.ranking import Ranking

rows = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.9, 1.0]) | st.floats(0, 1),
        st.booleans(),
        st.integers(0, 3),
    ),
    min_size=2,
    max_size=120,
)


def by_scikit_learn(scores, fraud):
    false_positives, recall, _ = roc_curve(fraud, scores, drop_intermediate=False)
    precision, recalls, _ = precision_recall_curve(fraud, scores)
    return [
        average_precision_score(fraud, scores),
        roc_auc_score(fraud, scores),
        recall[false_positives <= 0.01].max(),
        recalls[precision >= 0.9].max(),
    ]


@settings(max_examples=300)
@given(rows)
def test_weights_are_rows_repeated(drawn):
    scores, fraud, counts = (np.array(column) for column in zip(*drawn, strict=True))
    repeated = np.repeat(np.arange(len(scores)), counts)
    found = Ranking(scores, fraud).compute(counts.astype(float))
    classes = set(fraud[repeated])
    if classes == {True, False}:
        np.testing.assert_allclose(
            found, by_scikit_learn(scores[repeated], fraud[repeated]), atol=1e-12
        )
    elif classes == {True}:
        assert (found[0], found[3]) == (1.0, 1.0)
        assert np.isnan(found[1:3]).all()
    else:
        assert np.isnan(found).all()


@pytest.mark.parametrize("seed", range(5))
def test_samples_of_rare_frauds(seed):
    random = np.random.default_rng(seed)
    fraud = random.random(5000) < 0.01
    scores = np.round(random.normal(size=5000) + 2.5 * fraud, 2)
    drawn = random.integers(0, 5000, 5000)
    found = Ranking(scores, fraud).compute(np.bincount(drawn, minlength=5000).astype(float))
    np.testing.assert_allclose(found, by_scikit_learn(scores[drawn], fraud[drawn]), atol=1e-12)
