import numpy as np
import pytest
from support.data.drifting import COLUMNS

from drift.detect import calibration, tail_test
from drift.detect.calibration import (
    Comparison,
    calibrate_thresholds,
    compute_independent_share,
    cut_comparisons,
    estimate_upper_quantile,
)
from drift.detect.detector import DriftDetector
from drift.detect.distances import compute_distances
from drift.detect.rolling_baseline import WINDOWS, RollingBaseline

K = len(COLUMNS)
SIZE = 500


def normal(seed, rows=SIZE):
    return np.random.default_rng(seed).normal(size=(rows, K))


def moving(rows, seed):
    """Return rows whose mean moves by a standard deviation within a day of 20,000 rows."""
    level = np.sin(np.arange(rows) * 2 * np.pi / 20_000)[:, None]
    return normal(seed, rows) + level


def test_a_block_is_not_part_of_its_baseline():
    for span in (None, 5_000):
        for comparison in cut_comparisons(40_000, SIZE, span):
            block = range(40_000)[comparison.block]
            assert len(block) == SIZE
            for part in comparison.baseline:
                assert part.stop <= block.start or part.start > block[-1]
            if span:
                assert [part.stop - part.start for part in comparison.baseline] == [span]


def test_most_reference_rows_are_in_some_baseline(monkeypatch):
    """With one sample for all blocks, thresholds would not include its sampling noise."""
    compared = set()

    def recording(baseline, block, columns):
        compared.update(baseline[0].tolist())
        return compute_distances(baseline, block, columns)

    monkeypatch.setattr(calibration, "compute_distances", recording)
    rows = np.tile(np.arange(100_000.0)[:, None], K)
    calibrate_thresholds(rows, COLUMNS, SIZE, None)
    assert len(compared) > 0.9 * len(rows)


def test_random_blocks_would_make_every_hour_drift():
    rows = moving(40_000, seed=1)
    mixed = np.random.default_rng(2).permutation(rows)
    later = moving(40_000, seed=3)
    detector, blind = DriftDetector(rows, COLUMNS), DriftDetector(mixed, COLUMNS)
    windows = [later[start : start + SIZE] for start in range(0, 20_000, 2_000)]
    assert not any(detector.detect(window).detected for window in windows)
    assert sum(blind.detect(window).detected for window in windows) > 5


@pytest.fixture(scope="module")
def detector():
    return DriftDetector(normal(4, 30_000), COLUMNS)


def make_baseline(windows):
    rolling = RollingBaseline()
    for rows in windows:
        rolling.add(rows)
    return rolling


@pytest.fixture(scope="module")
def before():
    return make_baseline(normal(5, WINDOWS * SIZE).reshape(WINDOWS, SIZE, K))


def test_undisturbed_windows_are_not_drift(detector, before):
    windows = normal(6, 200 * SIZE).reshape(200, SIZE, K)
    assert sum(detector.detect(rows, before).detected for rows in windows) <= 1


def at_its_mean(share):
    return lambda column: np.where(np.arange(len(column)) < share * len(column), 0.0, column)


@pytest.mark.parametrize(
    "change",
    [lambda column: column + 0.6, lambda column: column * 1.8, at_its_mean(0.5), at_its_mean(0.25)],
)
def test_the_disturbed_feature_comes_first(detector, before, change):
    rows = normal(7)
    rows[:, 13] = change(rows[:, 13])
    verdict = detector.detect(rows, before)
    assert verdict.detected
    assert verdict.ranking[0][0] == "V14"
    assert verdict.ranking[0][1] >= 1 > verdict.ranking[1][1]


def test_five_times_as_many_high_scores_are_drift_that_no_distance_shows(detector, before):
    rows = normal(8)
    rows[:25, -1] = 2.8  # beyond the 99th percentile, which 5 usually are
    verdict = detector.detect(rows, before)
    assert verdict.score == 0
    assert verdict.tail >= 1
    assert verdict.detected


def test_a_column_stuck_at_a_usual_value_is_drift_that_no_distance_shows(detector, before):
    rows = normal(7)
    rows[:, 13] = at_its_mean(0.25)(rows[:, 13])
    verdict = detector.detect(rows, before)
    assert (verdict.score, verdict.detected) == (0, True)
    assert [name for name, ratio in verdict.constant_ratios.items() if ratio >= 1] == ["V14"]


def test_one_repeated_payment_is_not_a_constant_value(detector, before):
    rows = normal(7)
    rows[:59] = rows[0]
    assert max(detector.detect(rows, before).constant_ratios.values()) < 1


def test_a_column_that_was_always_constant_is_not_drift():
    def halves(rows, seed):
        values = normal(seed, rows)
        values[:, 3] = np.where(
            np.random.default_rng(seed + 100).random(rows) < 0.5, 0.0, values[:, 3]
        )
        return values

    detector = DriftDetector(halves(30_000, 1), COLUMNS)
    rolling = make_baseline(halves(SIZE, seed) for seed in range(2, 2 + WINDOWS))
    verdict = detector.detect(halves(SIZE, 20), rolling)
    assert not verdict.detected
    assert verdict.constant_ratios["V4"] < 1


def test_a_rebuilt_baseline_is_the_same(before):
    again = make_baseline(normal(5, WINDOWS * SIZE).reshape(WINDOWS, SIZE, K))
    assert np.array_equal(again.samples, before.samples)
    assert again.span == WINDOWS * SIZE


def test_the_baseline_is_the_last_windows():
    rolling = make_baseline(np.full((SIZE, K), float(n)) for n in range(WINDOWS + 3))
    assert set(np.concatenate(rolling.samples, axis=1)[0]) == set(range(3, WINDOWS + 3))


def test_larger_baselines_have_smaller_thresholds():
    rows = normal(9, 20_000)
    assert (
        calibrate_thresholds(rows, COLUMNS, SIZE, 5_000).distances.mean()
        < calibrate_thresholds(rows, COLUMNS, SIZE, SIZE).distances.mean()
    )


def test_the_quantile_is_an_upper_bound_of_a_gumbel_quantile():
    maxima = np.random.default_rng(10).gumbel(3, 0.5, 20_000)
    exact = 3 - 0.5 * np.log(-np.log1p(-1 / 2_000))
    assert (
        exact
        < estimate_upper_quantile(maxima, 1 / 2_000, 1.0)
        < estimate_upper_quantile(maxima, 1 / 2_000, 0.5)
        < exact * 1.1
    )


def test_blocks_that_overlap_half_count_half():
    side_by_side = [Comparison(slice(i, i + 100), ()) for i in range(0, 10_000, 100)]
    overlapping = [Comparison(slice(i, i + 100), ()) for i in range(0, 10_000, 50)]
    assert (
        compute_independent_share(side_by_side) == compute_independent_share(side_by_side[::2]) == 1
    )
    assert (
        compute_independent_share([*side_by_side, *side_by_side]) == 1
    )  # each block compared with the rows before it and those after
    assert compute_independent_share(overlapping) == pytest.approx(0.5, abs=0.01)


def test_a_fivefold_fraud_rate_is_found_and_the_usual_rate_is_not():
    assert tail_test.share_rose(17, 2_000, 197, 113_923)
    assert not tail_test.share_rose(4, 2_000, 197, 113_923)
