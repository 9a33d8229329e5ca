"""Selecting candidates that are distributed like the rows, by trees with many rows a leaf."""

import numpy as np
import pytest
import xgboost
from scipy.stats import ks_2samp

from producer.simulation import selection
from producer.simulation.parameters import MIN_ROWS
from producer.simulation.selection import MOST, Selection

ROWS = 10_000
CANDIDATES = 20_000
CUTS = [np.linspace(-2.0, 2.0, 41)] * 2


def candidates(seed):
    return np.random.default_rng(seed).normal(size=(CANDIDATES, 2))


@pytest.fixture(scope="module")
def rows():
    """Two columns, correlated unlike those of the candidates; a tenth of the plane is empty."""
    first, second = np.random.default_rng(1).normal(size=(2, 2 * ROWS))
    correlated = np.column_stack([first, 0.3 * first + np.sqrt(0.91) * second])
    return correlated[correlated[:, 0] < 1.28][:ROWS]


@pytest.fixture(scope="module")
def trees(rows):
    return selection.fit(rows, candidates(2), CUTS)


@pytest.fixture(scope="module")
def selected(trees):
    fresh = candidates(3)
    return fresh[Selection(trees).keep(fresh, np.random.default_rng(4).random(CANDIDATES))]


def test_selected_candidates_are_distributed_like_the_rows(rows, selected):
    assert np.corrcoef(candidates(3).T)[0, 1] == pytest.approx(0, abs=0.03)
    assert np.corrcoef(selected.T)[0, 1] == pytest.approx(np.corrcoef(rows.T)[0, 1], abs=0.06)
    assert (candidates(3)[:, 0] > 1.35).mean() > 0.08
    assert (selected[:, 0] > 1.35).mean() < 0.02  # not 0: a leaf extends into the empty part
    for one, other in zip(rows.T, selected.T, strict=True):
        assert ks_2samp(one, other).statistic < 0.04


def test_one_in_most_candidates_is_selected(selected):
    assert len(selected) == pytest.approx(CANDIDATES / MOST, rel=0.1)


def test_each_leaf_has_many_rows_and_each_cut_is_a_given_one(rows, trees):
    booster = Selection(trees).booster
    leaves = booster.predict(xgboost.DMatrix(rows), pred_leaf=True)
    nodes = booster.trees_to_dataframe()
    for tree, found in enumerate(leaves.T):
        counts = np.unique(found, return_counts=True)[1]
        assert counts.min() >= MIN_ROWS
        # no leaf holds candidates only
        assert len(counts) == (nodes.loc[nodes["Tree"] == tree, "Feature"] == "Leaf").sum()
    cuts = nodes.loc[nodes["Feature"] != "Leaf", "Split"].to_numpy()
    assert np.abs(cuts[:, None] - CUTS[0]).min(axis=1).max() < 1e-6


def test_the_same_rows_give_the_same_bytes(rows, trees):
    np.testing.assert_array_equal(selection.fit(rows, candidates(2), CUTS), trees)
