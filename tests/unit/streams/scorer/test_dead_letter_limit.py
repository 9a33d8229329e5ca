"""The limit on dead letters, batch by batch."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.fakes import make_scored

from streams.scorer.dead_letter_limit import WATCHED, DeadLetterLimit, TooManyDeadLettersError


def take(limit, records, dead):
    """Check and commit a batch."""
    batch = make_scored(records, dead)
    limit.check(batch)
    limit.record(batch)


def test_the_batch_that_crosses_the_limit_is_refused():
    limit = DeadLetterLimit(0.1)
    take(limit, 4_000, 1_000)
    with pytest.raises(TooManyDeadLettersError, match="malformed_json"):
        take(limit, 1, 1)


def test_old_dead_letters_do_not_count():
    limit = DeadLetterLimit(0.1)
    take(limit, 1_000, 1_000)
    take(limit, WATCHED, 0)
    take(limit, 1_000, 1_000)


def test_a_share_is_that_of_the_last_records_not_of_whole_batches():
    limit = DeadLetterLimit(0.8)
    for _ in range(2):
        take(limit, 4_000, 4_000)  # 8,000 of 10,000 are allowed
    take(limit, 2_000, 0)
    take(limit, 1_000, 1_000)  # and the first 1,000 are long past
    # one refused record goes for each that comes, as long as the 2,000 are among the last
    take(limit, 7_000, 7_000)
    with pytest.raises(TooManyDeadLettersError):
        take(limit, 1, 1)


@example([(4_096, 4_096)] * 3)
@given(
    st.lists(
        st.integers(1, 4_096).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
        max_size=20,
    )
)
def test_a_share_of_one_refuses_nothing(batches):
    limit = DeadLetterLimit(1.0)
    for records, dead in batches:
        take(limit, records, dead)
