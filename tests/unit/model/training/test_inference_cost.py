"""The cost of a booster is that of its trees: how many, how deep, how many leaves."""

import pytest
from support.data import labelled
from support.data.transactions import ENCODER

from model.training import inference_cost
from model.training.pipeline import fit_booster
from model.training.recipe import Recipe


def fitted(depth, trees=3, **parameters):
    return fit_booster(
        labelled.rows(1000),
        Recipe({"max_depth": depth, "min_child_weight": 0.01, **parameters}, trees, directed=False),
        encoder=ENCODER,
    )


def leaf_depths(booster):
    """From XGBoost's own text: a line for each node, a tab for each level."""
    return [
        line.count("\t")
        for tree in booster.get_dump()
        for line in tree.splitlines()
        if "leaf=" in line
    ]


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_each_leaf_counts_and_the_square_of_its_depth(depth):
    booster = fitted(depth)
    depths = leaf_depths(booster)
    assert max(depths) == depth
    expected = (
        len(depths) * inference_cost._LEAF_MS
        + sum(one**2 for one in depths) * inference_cost._DEPTH_SQUARED_MS
    )
    assert inference_cost.explain_ms(booster) == pytest.approx(expected)


def test_a_tree_that_does_not_split_is_one_leaf():
    assert inference_cost.explain_ms(fitted(3, trees=2, gamma=1e9)) == pytest.approx(
        2 * inference_cost._LEAF_MS
    )


def test_trees_and_levels_cost_a_score():
    assert inference_cost.score_us(2, 3) == pytest.approx(2 * inference_cost.score_us(1, 3))
    assert inference_cost.score_us(466, 3) > inference_cost.score_us(200, 7)  # as many levels
    assert inference_cost.score_us(200, 8) > inference_cost.score_us(200, 7)  # as many trees
