"""Calibration makes probabilities accurate and keeps the order of the rows."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss

from model.training import calibration


def said_too_loudly(scale=0.5, offset=-1.0, count=60_000):
    """Raw margins of which the true log odds are an affine map."""
    random = np.random.default_rng(3)
    raw = random.normal(-4.0, 3.0, count)
    return raw, random.random(count) < expit(scale * raw + offset)


def test_the_true_map_is_found():
    raw, fraud = said_too_loudly()
    found = calibration.fit_platt_scaling(raw, fraud)
    assert (found.scale, found.offset) == pytest.approx((0.5, -1.0), abs=0.05)


def test_log_loss_and_brier_come_down_and_the_groups_become_true():
    raw, fraud = said_too_loudly()
    found = calibration.fit_platt_scaling(raw, fraud)
    before, after = expit(raw), expit(found.scale * raw + found.offset)
    assert log_loss(fraud, after) < log_loss(fraud, before)
    assert calibration.compute_brier_score(after, fraud) < calibration.compute_brier_score(
        before, fraud
    )
    for group in calibration.bin_reliability(after, fraud):
        spread = np.sqrt(group.mean_probability * (1 - group.mean_probability) / group.rows)
        assert abs(group.frauds / group.rows - group.mean_probability) < 4 * spread


def test_classes_that_do_not_overlap_stay_finite():
    found = calibration.fit_platt_scaling(
        np.array([-3.0, -2.0, 2.0, 3.0]), np.array([False, False, True, True])
    )
    assert 0 < found.scale < 10


def test_a_wrong_order_is_not_reversed():
    raw, fraud = said_too_loudly()
    found = calibration.fit_platt_scaling(-raw, fraud)
    assert (found.scale, found.offset) == (1.0, 0.0)


def test_every_row_is_in_one_group():
    scores = np.array([0.0, 0.0005, 0.001, 0.05, 0.5, 0.9, 1.0])
    groups = calibration.bin_reliability(scores, scores > 0.4)
    assert sum(group.rows for group in groups) == len(scores)
    assert [(group.low, group.rows, group.frauds) for group in groups] == [
        (0.0, 2, 0),
        (0.001, 1, 0),
        (0.01, 1, 0),
        (0.5, 1, 1),
        (0.9, 2, 2),
    ]
