"""Evaluations count what thresholds do, fill capacities, and leave out undefined numbers."""

import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss

from model.evaluation.evaluate import evaluate, measure_capacity, measure_trade_off
from model.training.thresholds import LabelledScores
from payments.contract import Thresholds

THRESHOLDS = Thresholds(review=0.5, block=0.9)


def scored(count=2000, seed=5):
    random = np.random.default_rng(seed)
    fraud = random.random(count) < 0.03
    scores = np.clip(random.normal(0.15, 0.1, count) + 0.5 * fraud * random.random(count), 0, 1)
    return LabelledScores(scores, fraud, np.round(random.lognormal(3, 1, count), 2), 0.5)


def test_alerts_are_those_at_or_above_the_threshold():
    scores, fraud = np.array([0.9, 0.7, 0.5, 0.49, 0.1]), np.array([True, False, True, True, False])
    rows = LabelledScores(scores, fraud, np.array([10.0, 20.0, 30.0, 40.0, 50.0]), 0.1)
    found = evaluate(rows, THRESHOLDS, 100, resamples=50)
    review, money = found.review, found.money
    assert (review.flagged, review.caught, review.frauds) == (3, 2, 3)
    assert (review.precision.value, review.recall.value) == (2 / 3, 2 / 3)
    assert review.money.value == 0.5
    assert review.alerts_a_day == pytest.approx(30)
    assert (found.block.flagged, found.block.caught, found.block.money.value) == (1, 1, 0.125)
    assert (money.frauds, money.caught) == (80.0, 40.0)
    assert (money.largest, money.largest_caught) == (3, 2)


def test_metrics_are_scikit_learns_inside_their_intervals():
    rows = scored()
    metrics = evaluate(rows, THRESHOLDS, 100, resamples=200).metrics
    assert metrics.auprc.value == pytest.approx(
        average_precision_score(rows.is_fraud, rows.probabilities)
    )
    assert metrics.brier.value == pytest.approx(brier_score_loss(rows.is_fraud, rows.probabilities))
    for name, one in vars(metrics).items():
        assert one.low <= one.value <= one.high, name
        assert one.low < one.high, name


def test_a_capacity_is_filled_with_the_highest_scores():
    scores = np.linspace(1, 0, 10_000)
    fraud = np.isin(np.arange(len(scores)), [0, 3, 9, 10, 5000])
    found = measure_capacity(LabelledScores(scores, fraud, np.ones(len(scores)), 1), 10)
    assert (found.rows, found.flagged, found.caught) == (10, 10, 3)
    assert (found.recall, found.ceiling, found.of_ceiling) == (0.6, 1.0, 0.6)


def test_recall_cannot_exceed_what_fits():
    scores = np.linspace(1, 0, 10_000)
    found = measure_capacity(
        LabelledScores(scores, np.arange(len(scores)) < 40, np.ones(len(scores)), 1), 10
    )
    assert (found.recall, found.ceiling, found.of_ceiling) == (0.25, 0.25, 1.0)


def test_the_trade_off_is_half_once_and_twice_the_alerts_that_were_raised():
    scores = np.linspace(1, 0, 10_000)
    fraud = np.isin(np.arange(len(scores)), [0, 3, 9, 10, 5000])
    points = measure_trade_off(LabelledScores(scores, fraud, np.ones(len(scores)), 0.5), 20)
    assert [(point.rows, point.caught) for point in points] == [(5, 2), (10, 3), (20, 4)]
    assert measure_trade_off(LabelledScores(scores, fraud, np.ones(len(scores)), 0.5), 0) == []


def test_rows_of_one_score_that_do_not_fit_are_left_out_together():
    scores = np.full(10_000, 0.1)
    scores[:5], scores[5:30] = 0.9, 0.8
    rows = LabelledScores(scores, np.arange(len(scores)) < 20, np.ones(len(scores)), 1)
    assert measure_capacity(rows, 10).flagged == 5
    assert measure_capacity(rows, 4).flagged == 0
    assert measure_capacity(rows, 30).flagged == 30


@pytest.mark.parametrize("frauds", [[], [0], [0, 1, 2]])
@pytest.mark.parametrize("count", [1, 3])
def test_undefined_numbers_are_null_not_nan(frauds, count):
    from dataclasses import asdict

    fraud = np.isin(np.arange(count), frauds)
    found = evaluate(
        LabelledScores(np.full(count, 0.3), fraud, np.zeros(count), 0.1),
        THRESHOLDS,
        None,
        resamples=20,
    )
    json.dumps(asdict(found), allow_nan=False)
    assert (found.metrics.auprc.value is None) == (not frauds)
    assert (found.metrics.roc_auc.value is None) == (not 0 < fraud.sum() < count)
    assert found.review.precision.value is None
    assert found.metrics.brier.value is not None
    assert found.review.money.value is None  # the frauds' amounts are 0
