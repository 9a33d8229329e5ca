"""Intervals: known cases, the same from the same seed, without undefined samples."""

import numpy as np
import pytest

from model.intervals import UNDEFINED, bootstrap, estimate_percentile_interval, estimate_share


def mean_of(values):
    return lambda weights: np.array([weights @ values / weights.sum()])


def test_wilsons_interval_of_a_known_case():
    found = estimate_share(
        15, 50
    )  # (0.191, 0.438): Newcombe, Statistics in Medicine 17, 1998, method 3, for 15 of 50
    assert (found.value, round(found.low, 3), round(found.high, 3)) == (0.3, 0.191, 0.438)
    assert estimate_share(0, 10).low == 0
    assert estimate_share(0, 0) == UNDEFINED


def test_the_bootstrap_of_a_mean_spreads_as_its_standard_error():
    values = np.random.default_rng(3).normal(size=400)
    samples = bootstrap(len(values), mean_of(values), resamples=2000)[:, 0]
    assert samples.mean() == pytest.approx(values.mean(), abs=0.005)
    assert samples.std() == pytest.approx(values.std() / np.sqrt(400), rel=0.05)


def test_each_sample_has_as_many_rows_as_the_data():
    totals = bootstrap(50, lambda weights: np.array([weights.sum(), weights.max()]), resamples=100)
    assert set(totals[:, 0]) == {50.0}
    assert totals[:, 1].max() > 1  # some rows more than once


def test_the_same_seed_gives_the_same_samples():
    values = np.arange(30.0)
    first, again, other = (
        bootstrap(30, mean_of(values), resamples=20, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_samples_without_the_metric_are_left_out():
    found = estimate_percentile_interval(0.5, np.array([np.nan, 0.4, 0.6]))
    assert (found.low, found.high) == pytest.approx((0.405, 0.595))
    assert estimate_percentile_interval(float("nan"), np.array([0.4, 0.6])) == UNDEFINED
    assert estimate_percentile_interval(0.5, np.array([np.nan])).low is None


def test_progress_is_reported():
    progress = []
    bootstrap(3, mean_of(np.ones(3)), resamples=4, progress=progress.append)
    assert progress == [1, 2, 3, 4]
