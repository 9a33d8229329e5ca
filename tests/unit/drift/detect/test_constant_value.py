"""The excess of one value, compared with its definition."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from drift.detect.constant_value import compute_excess
from drift.detect.wasserstein import sort_columns

few_values = st.integers(-2, 2).map(float)


@given(
    arrays(float, st.tuples(st.integers(1, 30), st.just(4)), elements=few_values),
    arrays(float, (12, 4), elements=few_values),
)
def test_excess_is_the_share_of_the_most_common_value_minus_its_share_before(rows, before):
    found = compute_excess(sort_columns(before), sort_columns(rows))
    for column, value in enumerate(found):
        counts = Counter(rows[:, column].tolist())
        most = max(counts.values())
        possible = [
            most / len(rows) - (before[:, column] == one).mean()
            for one, count in counts.items()
            if count == most
        ]
        assert any(value == pytest.approx(one) for one in possible)


def test_runs_do_not_cross_columns():
    """The last value of one column and the first of the next are equal."""
    columns = np.array([[1.0, 2.0, 3.0, 3.0], [3.0, 4.0, 5.0, 6.0]])
    assert compute_excess(np.zeros((2, 1)), columns).tolist() == [0.5, 0.25]
