import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import wasserstein_distance
from support.data.drifting import COLUMNS

from drift.detect import tail_test
from drift.detect.calibration import calibrate_thresholds
from drift.detect.detector import (
    MIN_EVENTS,
    SAMPLE_ROWS,
    DriftDetector,
    compute_margins,
)
from drift.detect.rolling_baseline import WINDOWS, RollingBaseline
from drift.detect.wasserstein import sort_columns, wasserstein

K = len(COLUMNS)
columns = st.integers(1, 40).flatmap(
    lambda n: arrays(np.float64, (3, n), elements=st.floats(-1e6, 1e6, width=32))
)


@given(columns, columns)
def test_distances_equal_scipys(reference, current):
    expected = [wasserstein_distance(*pair) for pair in zip(reference, current, strict=True)]
    assert wasserstein(sort_columns(reference.T), sort_columns(current.T)) == pytest.approx(
        expected, rel=1e-9, abs=1e-6
    )


def test_margins_invert_the_logistic_function():
    known = np.array([-40.0, -9.0, -1e-9, 0.0, 3.0, 17.0])
    assert compute_margins(1 / (1 + np.exp(-known))) == pytest.approx(known, rel=1e-8, abs=1e-12)


def test_margins_of_certainty_are_finite():
    assert np.isfinite(compute_margins(np.array([0.0, 1.0, 5e-324]))).all()


def stream(rows, seed):
    """Return rows whose level moves slowly, as over a day: blocks differ more than random rows."""
    rng = np.random.default_rng(seed)
    hour = np.sin(np.arange(rows) / 700)[:, None] * rng.uniform(0, 0.5, K)
    return rng.normal(size=(rows, K)) + hour


@pytest.fixture(scope="module")
def reference():
    return DriftDetector(stream(40_000, seed=1), COLUMNS)


@pytest.mark.parametrize("size", [MIN_EVENTS, 1_000, 5_000])
def test_more_of_the_same_is_not_drift(reference, size):
    later = stream(60_000, seed=1)[40_000:]  # the same stream, continued
    verdicts = [
        reference.detect(later[start : start + size]) for start in range(0, len(later) - size, size)
    ]
    assert [verdict.detected for verdict in verdicts] == [False] * len(verdicts)
    assert max(verdict.score for verdict in verdicts) < 0.5


@pytest.mark.parametrize("size", [MIN_EVENTS, 1_000, 5_000])
def test_a_shift_of_every_feature_is_drift(reference, size):
    assert reference.detect(stream(size, seed=3) + 1.0).detected
    assert reference.detect(stream(size, seed=3) + 1.5).score > 0.9


def test_the_shifted_feature_is_the_farthest(reference):
    rows = stream(5_000, seed=4)
    rows[:, COLUMNS.names.index("V14")] += 1.5
    verdict = reference.detect(rows)
    assert max(verdict.distances, key=verdict.distances.get) == "V14"
    assert verdict.distances["V14"] > verdict.limits["V14"]


def test_the_score_is_the_share_of_features_at_or_over_their_threshold(reference):
    verdict = reference.detect(stream(1_000, seed=5) + np.linspace(0, 1, K))
    over = [verdict.distances[name] >= limit for name, limit in verdict.limits.items()]
    assert 0 < sum(over) < K
    assert verdict.score == sum(over) / K
    assert verdict.detected == (verdict.score >= COLUMNS.drift_share)


def test_a_small_window_gets_no_verdict(reference):
    assert reference.detect(stream(MIN_EVENTS - 1, seed=6)) is None
    assert reference.detect(stream(MIN_EVENTS, seed=6)) is not None


def test_limits_depend_on_the_window_size():
    roomy = DriftDetector(stream(160_000, seed=1), COLUMNS)  # 40 blocks of the larger size
    small, large = (roomy.detect(stream(size, seed=3)).limits for size in (MIN_EVENTS, 4_000))
    assert sum(small[name] > large[name] for name in COLUMNS.names) > 0.9 * K


def test_a_window_larger_than_the_reference_still_gets_a_verdict():
    assert (
        DriftDetector(stream(3_000, seed=1), COLUMNS).detect(stream(20_000, seed=7) + 1.0).detected
    )


def test_a_feature_that_stays_constant_has_not_drifted():
    rows = stream(3_000, seed=8)
    rows[:, 0] = 2.0
    verdict = DriftDetector(rows, COLUMNS).detect(rows[:1_000])
    assert verdict.distances["V1"] == 0
    assert verdict.limits["V1"] > 0


def test_the_reference_sample_is_evenly_spaced_in_time():
    rows = np.repeat(np.arange(12_000.0)[:, None], K, axis=1)
    shown = DriftDetector(rows, COLUMNS).sample
    assert len(shown) == SAMPLE_ROWS
    assert (shown[0, 0], shown[-1, 0]) == (0, 11_999)
    assert np.diff(shown[:, 0]).max() <= 3


def plain_columns(rows):
    return np.array([np.sort(column) for column in rows.T])


def plain_area(mine, theirs):
    """Return the area between two quantile functions, from its definition, for each column."""
    m, n = len(mine), len(theirs)
    ends = np.unique([*range(n, m * n + 1, n), *range(m, m * n + 1, m)])
    mine = np.take(plain_columns(mine), (ends - 1) // n, axis=1)
    theirs = np.take(plain_columns(theirs), (ends - 1) // m, axis=1)
    return np.abs(mine - theirs) @ (np.diff(ends, prepend=0) / (m * n))


def plain_excess(before, current):
    found = []
    for known, column in zip(before.T, current.T, strict=True):
        values, counts = np.unique(column, return_counts=True)
        commonest = values[counts == counts.max()][-1]
        found.append(counts.max() / len(column) - np.mean(known == commonest))
    return np.array(found)


def plain_rows(windows):
    """Return the baseline: 5,000 rows, in proportion from at most 5,000 of each window."""
    total, parts = sum(map(len, windows)), []
    for rows in windows:
        kept = np.arange(len(rows))
        for most in (5_000, round(5_000 * len(rows) / total)):
            kept = (
                kept[np.linspace(0, len(kept) - 1, most).round().astype(int)]
                if len(kept) > most
                else kept
            )
        parts.append(rows[kept])
    return np.concatenate(parts)


SMALL = stream(600, seed=9)  # quick thresholds for any size


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from([500, 777, 1_000, 2_500, 6_000]), max_size=WINDOWS + 3),
    st.sampled_from([500, 1_000, 1_234]),
    st.data(),
)
def test_a_verdict_equals_the_plain_computation_bit_by_bit(sizes, size, data):
    """Caches and shortcuts change no bit."""
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    decimals = data.draw(st.sampled_from([0, 1, 17]))  # with and without equal values
    *windows, rows = (np.round(rng.normal(size=(count, K)), decimals) for count in (*sizes, size))
    reference, rolling = DriftDetector(SMALL, COLUMNS), RollingBaseline()
    for window in windows:
        rolling.add(window)
        assert sum(part.shape[1] for part in rolling.samples) <= 5_000 + WINDOWS // 2
    verdict = reference.detect(rows, rolling)

    kept = windows[-WINDOWS:]
    baseline, span = (plain_rows(kept), sum(map(len, kept))) if kept else (SMALL, None)
    known = np.concatenate([window[:, -1] for window in kept]) if kept else SMALL[:, -1]
    cuts = np.quantile(SMALL[:, -1], [0.99, 0.999])
    beyond = [
        np.array([np.sum(margins >= cut) for cut in cuts], float)
        for margins in (rows[:, -1], known)
    ]
    limits, unit, usual = (
        calibrate_thresholds(SMALL, COLUMNS, size, span),
        plain_columns(baseline).std(axis=1),
        plain_columns(SMALL).std(axis=1),
    )
    assert np.array_equal(verdict.baseline, baseline)
    assert list(verdict.distances.values()) == (plain_area(baseline, rows) / unit).tolist()
    assert list(verdict.limits.values()) == (limits.distances / unit).tolist()
    assert list(verdict.from_reference.values()) == (plain_area(SMALL, rows) / usual).tolist()
    assert (
        list(verdict.constant_ratios.values())
        == (plain_excess(baseline, rows) / limits.constant_shares).tolist()
    )
    surprise = tail_test.compute_surprise(beyond[0], size, beyond[1], len(known)).max()
    assert verdict.tail == surprise / tail_test.calibrate_threshold(SMALL[:, -1], cuts, size, span)


OUTLIERS = {"V1": 1e4, "Amount": 1e9, "margin": -708.0}


@pytest.mark.parametrize("size", [MIN_EVENTS, 5_000])
def test_one_outlier_is_counted_and_makes_no_window_drift(reference, size):
    baseline = RollingBaseline()
    later = stream(40_000 + 13 * size, seed=1)[40_000:].reshape(13, size, K)
    for number, rows in enumerate(later):
        if number == 1:
            for name, value in OUTLIERS.items():
                rows[size // 2, COLUMNS.names.index(name)] = value
        verdict = reference.detect(rows, baseline)
        assert not verdict.detected, number
        assert verdict.outliers == (dict.fromkeys(OUTLIERS, 1) if number == 1 else {})
        baseline.add(rows)


@pytest.mark.parametrize("share", [0.05, 1.0])
def test_many_outliers_are_drift(reference, share):
    rows = reference.sample[:1_000].copy()
    rows[: int(share * len(rows)), 0] = 1e9
    verdict = reference.detect(rows)
    assert verdict.distances["V1"] >= verdict.limits["V1"]
    assert verdict.outliers == {"V1": share * len(rows)}


def test_a_constant_column_that_changes_is_drift():
    rows = stream(20_000, seed=1)
    rows[:, 3] = 5.0
    detector = DriftDetector(rows, COLUMNS)
    changed = rows[:1_000].copy()
    changed[:, 3] = 6.0
    verdict = detector.detect(changed)
    assert verdict.distances["V4"] >= verdict.limits["V4"]
    one = rows[:1_000].copy()
    one[7, 3] = 6.0
    assert not detector.detect(one).detected
