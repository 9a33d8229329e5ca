"""The limit on dead letters, batch by batch."""

import pytest
from fakes import FakeRecord
from hypothesis import given
from hypothesis import strategies as st

from streams.batch import Batch, Scored
from streams.limit import WATCHED, DeadShareLimit, TooManyDeadLettersError


def scored(records, dead):
    result = Scored(Batch(0, 0, [FakeRecord(b"")] * records))
    result.dead_letters["malformed_json"] = dead
    return result


def test_the_batch_that_crosses_the_limit_is_refused():
    limit = DeadShareLimit(0.1)
    limit.admit(scored(4_000, 1_000))
    with pytest.raises(TooManyDeadLettersError, match="malformed_json"):
        limit.admit(scored(1, 1))


def test_what_is_long_past_does_not_count():
    limit = DeadShareLimit(0.1)
    limit.admit(scored(1_000, 1_000))
    limit.admit(scored(WATCHED, 0))
    limit.admit(scored(1_000, 1_000))


@given(st.lists(st.integers(1, 4_096).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), max_size=20))
def test_a_share_of_one_refuses_nothing(batches):
    limit = DeadShareLimit(1.0)
    for records, dead in batches:
        limit.admit(scored(records, dead))
