"""The split by time: the test part last, each fold judged on the rows right after it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.split import split


def test_the_parts_of_creditcard():
    parts = split(284_807)
    assert parts.train == slice(0, 227_845)
    assert parts.test == slice(227_845, 284_807)
    assert [(fold.fitted, fold.judged) for fold in parts.folds] == [
        (slice(0, 113_922), slice(113_922, 151_896)),
        (slice(0, 151_896), slice(151_896, 189_870)),
        (slice(0, 189_870), slice(189_870, 227_845)),
    ]
    assert parts.out_of_fold == slice(113_922, 227_845)


@given(st.integers(min_value=0, max_value=10_000_000))
def test_no_row_is_scored_by_a_model_fitted_on_it_or_on_later_ones(n_rows):
    parts = split(n_rows)
    for fold in parts.folds:
        assert fold.fitted.start == 0
        assert fold.fitted.stop == fold.judged.start <= fold.judged.stop
    assert [fold.judged.stop for fold in parts.folds[:-1]] == [
        fold.judged.start for fold in parts.folds[1:]
    ]
    assert parts.out_of_fold.stop == parts.train.stop == parts.test.start
    assert parts.test.stop == n_rows


@pytest.mark.parametrize("share", [50, 67, 83])
def test_the_folds_are_fitted_on_these_shares_of_the_training_part(share):
    parts = split(284_807)
    assert share in [round(100 * fold.fitted.stop / parts.train.stop) for fold in parts.folds]
