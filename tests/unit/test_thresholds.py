"""Thresholds: review by capacity, block by precision, in order and strictly between 0 and 1 whatever the scores are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.thresholds import ALERTS_A_DAY, BLOCK_PRECISION, TRANSACTIONS_A_DAY, choose, outcome


def scores_of_a_day():
    """One day: 120 scores above all others, the upper 60 of them fraud but for the third."""
    scores = np.concatenate([np.linspace(0.999, 0.96, 120), np.linspace(0.2, 0.0, TRANSACTIONS_A_DAY - 120)])
    fraud = np.arange(len(scores)) < 60
    fraud[2] = False
    return scores, fraud


def test_review_has_room_for_the_alerts_of_a_day():
    scores, fraud = scores_of_a_day()
    chosen = choose(scores, fraud)
    assert outcome(scores, fraud, chosen.review).flagged == ALERTS_A_DAY
    assert chosen.review == scores[ALERTS_A_DAY - 1]


def test_block_is_the_lowest_score_that_is_precise_enough():
    scores, fraud = scores_of_a_day()
    chosen = choose(scores, fraud)
    found = outcome(scores, fraud, chosen.block)
    assert (found.flagged, found.caught) == (62, 59)  # 59 of 62 is 0.952; one more would be 0.937
    assert found.precision >= BLOCK_PRECISION
    assert found.recall == 1.0


def test_the_order_of_rows_does_not_matter():
    scores, fraud = scores_of_a_day()
    shuffled = np.random.default_rng(1).permutation(len(scores))
    assert choose(scores[shuffled], fraud[shuffled]) == choose(scores, fraud)


def test_a_run_of_lucky_rows_does_not_overrule_the_scores_own_doubt():
    scores, fraud = scores_of_a_day()
    doubtful = scores * 0.98  # the highest ones are between 0.95 and 0.98
    chosen = choose(doubtful, scores > 0.9)
    assert outcome(doubtful, fraud, chosen.review).flagged == ALERTS_A_DAY
    assert chosen.review < BLOCK_PRECISION <= chosen.block < 0.96


def test_what_is_precise_below_capacity_does_not_make_the_alerts_above_it_so():
    scores, _ = scores_of_a_day()
    scores[:300] = np.linspace(0.999, 0.96, 300)
    fraud = np.arange(len(scores)) < 300
    fraud[50:60] = False
    chosen = choose(scores, fraud)
    assert outcome(scores, fraud, chosen.review).precision == 0.9
    assert outcome(scores, fraud, chosen.block).flagged == 52  # 50 of them fraud


def test_nothing_is_stopped_where_no_score_is_precise_enough():
    scores, fraud = scores_of_a_day()
    chosen = choose(scores, ~fraud & (scores < 0.2))
    assert outcome(scores, fraud, chosen.block).flagged == 0


def test_rows_that_share_a_score_are_flagged_together_within_capacity():
    scores = np.full(TRANSACTIONS_A_DAY, 0.1)
    scores[:40], scores[40:160] = 0.9, 0.8
    chosen = choose(scores, np.arange(len(scores)) < 50)
    assert chosen.review == 0.9


def test_an_outcome_without_alerts_or_frauds_has_no_share():
    nothing = outcome(np.array([0.1]), np.array([False]), 0.5)
    assert nothing.precision is None
    assert nothing.recall is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 1e-300, 0.2, 0.5, 0.999, 1.0]), st.booleans()), min_size=1, max_size=200))
def test_always_in_order_and_strictly_between_0_and_1(pairs):
    scores, fraud = np.array([score for score, _ in pairs]), np.array([truth for _, truth in pairs])
    chosen = choose(scores, fraud)
    assert 0 < chosen.review <= chosen.block < 1


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_saturated_scores_still_give_thresholds_that_flag_what_they_should(share):
    chosen = choose(np.array([share, share]), np.array([True, True]))
    flagged = outcome(np.array([share]), np.array([True]), chosen.review).flagged
    assert flagged == (share == 1.0)
