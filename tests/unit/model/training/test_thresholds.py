"""Thresholds by capacity and precision, or by cost, in order and between 0 and 1."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from model.errors import TrainingError
from model.manifest import Capacity, Costs, Limits, Precision, Score
from model.training.thresholds import (
    DEFAULT_POLICY,
    UNREACHABLE,
    LabelledScores,
    apply_threshold,
    bound_precisions,
    choose_thresholds,
    compute_cost,
    measure_payments_per_day,
)
from payments.contract import Thresholds

PAYMENTS_A_DAY = 100_000


def a_day(frauds=110, wrong=()):
    """Return a day's rows with 120 scores above all others.

    The first `frauds` rows are frauds except the `wrong` ones; every Amount is 2.
    """
    scores = np.concatenate(
        [np.linspace(0.999, 0.96, 120), np.linspace(0.2, 0.0, PAYMENTS_A_DAY - 120)]
    )
    fraud = np.arange(len(scores)) < frauds
    fraud[list(wrong)] = False
    return LabelledScores(scores, fraud, np.full(len(scores), 2.0), days=1)


def four_rows(frauds, amounts, days=1):
    """Return rows of four scores; `frauds` are the numbers of the frauds among them."""
    fraud = np.isin(np.arange(4), frauds)
    return LabelledScores(np.array([0.9, 0.8, 0.7, 0.1]), fraud, np.array(amounts), days)


def limits(alerts=100, precision=0.95, confidence=0.9):
    return Limits(
        review=Capacity(alerts_per_day=alerts),
        block=Precision(precision=precision, confidence=confidence),
    )


def test_the_defaults_are_a_score_of_20_and_precision_95_with_confidence_90():
    assert limits().model_copy(update={"review": Score(probability=0.2)}) == DEFAULT_POLICY


def test_a_score_is_the_threshold_whatever_the_rows():
    assert choose_thresholds(DEFAULT_POLICY, a_day()).review == 0.2
    assert choose_thresholds(DEFAULT_POLICY, scored_rows([(0.1, False, 1)])).review == 0.2


def test_more_alerts_than_payments_are_refused():
    with pytest.raises(TrainingError, match="100,001 alerts a day are more than all 100,000"):
        choose_thresholds(limits(100_001), a_day())


def test_payments_a_day_come_from_the_span_of_the_time():
    assert measure_payments_per_day(pd.DataFrame({"Time": [0.0, 100.0, 43_200.0]})) == 6
    with pytest.raises(TrainingError, match=r"spans 0 s, .* --payments-per-day"):
        measure_payments_per_day(pd.DataFrame({"Time": [7.0, 7.0]}))


@pytest.mark.parametrize("alerts", [1, 37, 100])
def test_review_has_room_for_the_alerts_of_a_day(alerts):
    day = a_day()
    assert apply_threshold(day, choose_thresholds(limits(alerts), day).review).flagged == alerts


def test_capacity_goes_by_the_volume_of_the_rows():
    day = a_day()
    half = LabelledScores(day.probabilities[::2], day.is_fraud[::2], day.amounts[::2], days=0.5)
    assert apply_threshold(half, choose_thresholds(limits(100), half).review).flagged == 50


@pytest.mark.parametrize("flagged, caught", [(1, 1), (45, 45), (37, 30), (200, 3), (10, 0)])
def test_the_bound_is_the_share_at_which_this_many_are_as_unlikely_as_the_confidence_says(
    flagged, caught
):
    bound = bound_precisions(np.array([flagged]), np.array([caught]), 0.9)[0]
    assert bound <= caught / flagged
    # Clopper and Pearson's definition: if the true share were the bound, this many or more would
    # be caught in 1 of 10 cases.
    assert binom.sf(caught - 1, flagged, bound) == pytest.approx(0.1) if caught else bound == 0


def test_block_is_the_lowest_score_before_the_first_whose_bound_fails():
    day = a_day(wrong=[90])
    found = apply_threshold(day, choose_thresholds(limits(), day).block)
    assert (found.flagged, found.caught) == (100, 99)  # review's room; 99 of 100: 0.962
    assert found.bound_precision(0.9) >= 0.95
    # 60 of 61 has the bound 0.938. The later scores, of which 99 of 100 pass, are not tested.
    early = a_day(wrong=[60])
    assert apply_threshold(early, choose_thresholds(limits(), early).block).flagged == 60


def test_scores_that_are_not_precise_enough_block_as_rarely_as_the_confidence_says():
    random = np.random.default_rng(3)
    policy = DEFAULT_POLICY.model_copy(update={"review": Score(probability=0.5)})
    scores = np.linspace(0.999, 0.5, 300)
    found = 0
    for _ in range(1000):
        rows = LabelledScores(scores, random.random(300) < 0.95, np.ones(300), days=1)
        found += choose_thresholds(policy, rows).block != UNREACHABLE
    # 0.95 ** 45 is 0.099. Testing each score alone finds one in a third of the trials.
    assert binom.cdf(found, 1000, 0.1) < 0.999


def test_a_high_share_of_few_rows_blocks_nothing():
    day = a_day(frauds=44)
    assert choose_thresholds(limits(), day).block == UNREACHABLE  # the bound of 44 of 44 is 0.949
    enough = a_day(frauds=45)
    assert apply_threshold(enough, choose_thresholds(limits(), enough).block).flagged == 45
    assert choose_thresholds(limits(confidence=0.99), enough).block == UNREACHABLE


def test_a_burst_in_one_period_does_not_use_the_capacity_of_others():
    day = a_day()
    burst = np.where(np.arange(len(day.amounts)) < 5_000, 0.9995, day.probabilities)
    days = LabelledScores(
        np.concatenate([burst, day.probabilities, day.probabilities]),
        np.tile(day.is_fraud, 3),
        np.tile(day.amounts, 3),
        days=3,
    )
    periods = np.repeat(np.array([1, 2, 3], np.int8), len(day.amounts))
    assert choose_thresholds(limits(), days).review == 0.9995
    apart = LabelledScores(days.probabilities, days.is_fraud, days.amounts, 3, periods)
    assert apply_threshold(day, choose_thresholds(limits(), apart).review).flagged == 100


def test_rows_that_share_a_score_are_flagged_together_within_capacity():
    scores = np.full(PAYMENTS_A_DAY, 0.1)
    scores[:40], scores[40:160] = 0.9, 0.8
    rows = LabelledScores(scores, np.arange(len(scores)) < 50, scores, days=1)
    assert choose_thresholds(limits(), rows).review == 0.9


def test_the_order_of_rows_does_not_matter():
    day = a_day(wrong=[3, 50])
    at = np.random.default_rng(1).permutation(len(day.amounts))
    shuffled = LabelledScores(day.probabilities[at], day.is_fraud[at], day.amounts[at], days=1)
    for policy in (limits(), Costs(cost_review=1, cost_block=20)):
        assert choose_thresholds(policy, shuffled) == choose_thresholds(policy, day)


def test_an_outcome_counts_rows_and_money():
    found = apply_threshold(four_rows([0, 2, 3], [5.0, 7.0, 11.0, 13.0], days=0.5), 0.7)
    assert (found.flagged, found.caught, found.frauds) == (3, 2, 3)
    assert (found.stopped, found.legitimate) == (1, 1)
    assert (found.caught_amount, found.fraud_amount) == (16.0, 29.0)
    assert (found.stopped_amount, found.legitimate_amount) == (7.0, 7.0)
    assert (found.precision, found.recall, found.stopped_share) == (2 / 3, 2 / 3, 1.0)
    assert found.alerts_a_day == 6


def test_an_outcome_without_alerts_or_frauds_has_no_share():
    nothing = apply_threshold(
        LabelledScores(np.array([0.1]), np.array([False]), np.array([1.0]), 1), 0.5
    )
    assert (nothing.precision, nothing.recall) == (None, None)
    assert nothing.bound_precision(0.9) == 0


def drawn_rows(*scores):
    return st.lists(
        st.tuples(st.sampled_from(scores), st.booleans(), st.integers(0, 50)),
        min_size=1,
        max_size=12,
    )


def scored_rows(drawn):
    scores, fraud, amounts = zip(*drawn, strict=True)
    return LabelledScores(
        np.array(scores), np.array(fraud), np.array(amounts, float), len(scores) / 1000
    )


@given(drawn_rows(1e-300, 0.2, 0.5, 0.7, 0.9, 0.999), st.integers(0, 20), st.integers(0, 40))
def test_no_pair_of_thresholds_costs_less_than_the_one_chosen(drawn, review, block):
    scored, costs = scored_rows(drawn), Costs(cost_review=review, cost_block=block)
    cuts = sorted({*scored.probabilities, UNREACHABLE})
    pairs = [
        Thresholds(review=low, block=high)
        for low, high in itertools.combinations_with_replacement(cuts, 2)
    ]
    assert (
        compute_cost(costs, choose_thresholds(costs, scored), scored)
        <= min(compute_cost(costs, pair, scored) for pair in pairs) + 1e-9
    )


def test_costs_decide_as_they_are_defined():
    scored = four_rows([0, 2], [100.0, 9.0, 50.0, 9.0])

    def choose(review, block):
        chosen = choose_thresholds(Costs(cost_review=review, cost_block=block), scored)
        return chosen.review, chosen.block

    # Review all down to the second fraud, block the first: two reviews at 5 and nothing missed.
    assert choose(5, 20) == (0.7, 0.9)
    costs = Costs(cost_review=5, cost_block=20)
    assert compute_cost(costs, Thresholds(review=0.7, block=0.9), scored) == 10
    # If a wrong block costs less than three reviews, all three are blocked.
    assert choose(5, 1) == (0.7, 0.7)
    # Reviews that cost more than the frauds are not made.
    assert choose(500, 500) == (0.9, 0.9)


@given(drawn_rows(0.0, 1e-300, 0.2, 0.5, 0.999, 1.0))
def test_always_in_order_and_strictly_between_0_and_1(drawn):
    scored = scored_rows(drawn)
    for policy in (
        limits(),
        limits(precision=0.1),
        Costs(cost_review=5, cost_block=20),
        Costs(cost_review=0, cost_block=0),
    ):
        chosen = choose_thresholds(policy, scored)
        assert 0 < chosen.review <= chosen.block < 1


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_saturated_scores_still_give_thresholds_that_flag_what_they_should(share):
    scored = LabelledScores(
        np.array([share, share]), np.array([True, True]), np.array([1.0, 1.0]), 0.01
    )
    assert apply_threshold(scored, choose_thresholds(limits(), scored).review).flagged == 2 * (
        share == 1.0
    )
