import numpy as np
import pytest

from drift.detect import calibration, tail_test
from drift.detect.calibration import (
    Comparison,
    comparisons,
    independent_share,
    thresholds,
    upper_quantile,
)
from drift.detect.detector import COLUMNS, DriftDetector
from drift.detect.rolling_baseline import WINDOWS, RollingBaseline
from drift.detect.wasserstein import wasserstein

K = len(COLUMNS)
SIZE = 500


def moving(rows, seed):
    """Rows whose mean moves by a standard deviation within a day of 20,000 rows."""
    level = np.sin(np.arange(rows) * 2 * np.pi / 20_000)[:, None]
    return np.random.default_rng(seed).normal(size=(rows, K)) + level


def test_a_block_is_no_part_of_what_it_is_compared_with():
    for span in (None, 5_000):
        for comparison in comparisons(40_000, SIZE, span):
            block = range(40_000)[comparison.block]
            assert len(block) == SIZE
            for part in comparison.baseline:
                assert part.stop <= block.start or part.start > block[-1]
            if span:
                assert [part.stop - part.start for part in comparison.baseline] == [span]


def test_most_rows_of_the_reference_stand_for_it_beside_some_block(monkeypatch):
    """Where all blocks face the same few, how these differ from the rest by luck is in no threshold, and each window is nearer to drift."""
    faced = set()

    def noted(baseline, block):
        faced.update(baseline[0].tolist())
        return wasserstein(baseline, block)

    monkeypatch.setattr(calibration, "wasserstein", noted)
    rows = np.tile(np.arange(100_000.0)[:, None], K)
    thresholds(rows, SIZE, None)
    assert len(faced) > 0.9 * len(rows)


def test_blocks_are_consecutive_for_rows_at_random_would_make_every_hour_drift():
    rows = moving(40_000, seed=1)
    mixed = np.random.default_rng(2).permutation(rows)
    later = moving(40_000, seed=3)
    known, blind = DriftDetector(rows), DriftDetector(mixed)
    windows = [later[start : start + SIZE] for start in range(0, 20_000, 2_000)]
    assert not any(known.detect(window).detected for window in windows)
    assert sum(blind.detect(window).detected for window in windows) > 5


@pytest.fixture(scope="module")
def still():
    return DriftDetector(np.random.default_rng(4).normal(size=(30_000, K)))


@pytest.fixture(scope="module")
def before():
    trailing = RollingBaseline()
    random = np.random.default_rng(5)
    for _ in range(WINDOWS):
        trailing.add(random.normal(size=(SIZE, K)))
    return trailing


def test_undisturbed_windows_are_no_drift(still, before):
    random = np.random.default_rng(6)
    assert (
        sum(still.detect(random.normal(size=(SIZE, K)), before).detected for _ in range(200)) <= 1
    )


def at_its_mean(share):
    return lambda column: np.where(np.arange(len(column)) < share * len(column), 0.0, column)


@pytest.mark.parametrize(
    "change",
    [lambda column: column + 0.6, lambda column: column * 1.8, at_its_mean(0.5), at_its_mean(0.25)],
)
def test_the_disturbed_feature_comes_first(still, before, change):
    rows = np.random.default_rng(7).normal(size=(SIZE, K))
    rows[:, 13] = change(rows[:, 13])
    verdict = still.detect(rows, before)
    assert verdict.detected
    assert verdict.ranking[0][0] == "V14"
    assert verdict.ranking[0][1] >= 1 > verdict.ranking[1][1]


def test_high_scores_five_times_as_frequent_are_drift_that_no_distance_sees(still, before):
    rows = np.random.default_rng(8).normal(size=(SIZE, K))
    rows[:25, -1] = 2.8  # beyond the 99th percentile, of which 5 are usual
    verdict = still.detect(rows, before)
    assert verdict.score == 0
    assert verdict.tail >= 1
    assert verdict.detected


def test_what_is_stuck_amid_its_values_is_drift_that_no_distance_sees(still, before):
    rows = np.random.default_rng(7).normal(size=(SIZE, K))
    rows[:, 13] = at_its_mean(0.25)(rows[:, 13])
    verdict = still.detect(rows, before)
    assert (verdict.score, verdict.detected) == (0, True)
    assert [name for name, ratio in verdict.constant_ratios.items() if ratio >= 1] == ["V14"]


def test_one_payment_again_and_again_is_nothing_stuck(still, before):
    rows = np.random.default_rng(7).normal(size=(SIZE, K))
    rows[:59] = rows[0]
    assert max(still.detect(rows, before).constant_ratios.values()) < 1


def test_what_was_always_stuck_is_as_usual():
    def halves(rows, seed):
        values = np.random.default_rng(seed).normal(size=(rows, K))
        values[:, 3] = np.where(
            np.random.default_rng(seed + 100).random(rows) < 0.5, 0.0, values[:, 3]
        )
        return values

    known = DriftDetector(halves(30_000, 1))
    trailing = RollingBaseline()
    for seed in range(2, 2 + WINDOWS):
        trailing.add(halves(SIZE, seed))
    verdict = known.detect(halves(SIZE, 20), trailing)
    assert not verdict.detected
    assert verdict.constant_ratios["V4"] < 1


def test_a_baseline_that_was_lost_comes_out_the_same(before):
    again = RollingBaseline()
    random = np.random.default_rng(5)
    for _ in range(WINDOWS):
        again.add(random.normal(size=(SIZE, K)))
    assert np.array_equal(again.samples, before.samples)
    assert again.span == WINDOWS * SIZE


def test_only_the_last_windows_are_the_baseline():
    trailing = RollingBaseline()
    for number in range(WINDOWS + 3):
        trailing.add(np.full((SIZE, K), float(number)))
    assert set(np.concatenate(trailing.samples, axis=1)[0]) == set(range(3, WINDOWS + 3))


def test_larger_baselines_need_no_larger_thresholds():
    rows = np.random.default_rng(9).normal(size=(20_000, K))
    assert (
        thresholds(rows, SIZE, 5_000).distances.mean()
        < thresholds(rows, SIZE, SIZE).distances.mean()
    )


def test_the_quantile_is_a_gumbels_from_above():
    maxima = np.random.default_rng(10).gumbel(3, 0.5, 20_000)
    exact = 3 - 0.5 * np.log(-np.log1p(-1 / 2_000))
    assert (
        exact
        < upper_quantile(maxima, 1 / 2_000, 1.0)
        < upper_quantile(maxima, 1 / 2_000, 0.5)
        < exact * 1.1
    )


def test_blocks_that_overlap_half_count_half():
    side_by_side = [Comparison(slice(i, i + 100), ()) for i in range(0, 10_000, 100)]
    overlapping = [Comparison(slice(i, i + 100), ()) for i in range(0, 10_000, 50)]
    assert independent_share(side_by_side) == independent_share(side_by_side[::2]) == 1
    assert (
        independent_share([*side_by_side, *side_by_side]) == 1
    )  # one block beside the rows before it and those after it
    assert independent_share(overlapping) == pytest.approx(0.5, abs=0.01)


def test_fraud_at_five_times_its_rate_is_found_and_its_usual_rate_is_not():
    assert tail_test.share_rose(17, 2_000, 197, 113_923)
    assert not tail_test.share_rose(4, 2_000, 197, 113_923)
