"""The split is by time: parts follow one another, share no row, and leave none out."""

from hypothesis import given, settings
from hypothesis import strategies as st

from model.split import split


def test_the_parts_of_creditcard_csv():
    parts = split(284_807)
    assert parts.fitted == slice(0, 170_883)
    assert parts.held_back == slice(170_883, 227_845)
    assert parts.train == slice(0, 227_845)
    assert parts.test == slice(227_845, 284_807)


@settings(deadline=None)
@given(st.integers(0, 10**7))
def test_parts_follow_one_another_and_cover_every_row(n_rows):
    parts = split(n_rows)
    assert (parts.fitted.start, parts.test.stop) == (0, n_rows)
    assert parts.fitted.stop == parts.held_back.start
    assert parts.held_back.stop == parts.test.start
    assert parts.train == slice(parts.fitted.start, parts.held_back.stop)
    assert parts.fitted.start <= parts.fitted.stop <= parts.held_back.stop <= parts.test.stop
