import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.data.drifting import COLUMNS

from drift.detect.detector import DriftDetector
from drift.detect.reference_shift import Comparison, ReferenceShift
from drift.detect.rolling_baseline import WINDOWS, RollingBaseline

SIZE = 2_000


def advance(windows, state=None):
    state = state or ReferenceShift()
    for window in windows:
        state = state.advance(window)
    return state


def compare(*beyond, high=1.0):
    return Comparison(SIZE, beyond, high)


def test_a_shift_of_inputs_begins_with_the_tenth_window_in_a_row():
    nine = [compare("V3"), *[compare("V3", "V4")] * 8]
    assert advance(nine).severity == "ok"
    assert advance([*nine, compare()]).severity == "ok"
    shifted = advance([*nine, compare("V3")])
    assert (shifted.columns, shifted.severity) == (("V3",), "warn")


def test_a_shift_ends_when_fewer_than_five_of_ten_windows_show_it():
    shifted = advance([compare("V3")] * WINDOWS)
    assert advance([compare()] * 5, shifted).columns == ("V3",)
    assert advance([compare()] * 6, shifted).columns == ()


def test_a_shift_of_the_scores_is_an_alarm():
    assert advance([compare("V3", "margin")] * WINDOWS).severity == "alarm"


@pytest.mark.parametrize(
    ("levels", "severity"),
    [
        ([0.63] * 10, "alarm"),
        ([1.3] * 10, "alarm"),
        ([0.63] * 9, "ok"),
        ([0.85] * 10, "ok"),  # within what two references differ by
        ([0.5] * 9 + [1.1], "ok"),  # one window is enough to break the row
        ([1.1] * 9 + [5.0], "alarm"),
        ([1.0] * 9 + [9.0], "ok"),
    ],
)
def test_fewer_or_more_high_scores_in_ten_windows_shift_the_scores(levels, severity):
    assert advance([compare(high=level) for level in levels]).severity == severity


def test_a_shift_of_the_level_ends_when_the_level_is_back():
    shifted = advance([compare(high=0.6)] * WINDOWS)
    assert advance([compare(high=1.1)] * 3, shifted).severity == "alarm"  # 0.75 over ten windows
    assert advance([compare(high=1.1)] * 5, shifted).severity == "ok"


def test_windows_without_a_verdict_change_nothing():
    state = advance([compare("V3")] * 9)
    assert state.advance(None) == state


windows = st.lists(
    st.builds(
        Comparison,
        st.integers(500, 5_000),
        st.sampled_from([(), ("V3",), ("V3", "margin")]),
        st.floats(0, 2),
    ),
    max_size=30,
)


@given(windows, windows)
def test_the_state_is_restored_from_the_last_ten_windows_and_the_columns(before, after):
    state = advance(before)
    restored = ReferenceShift(tuple(before[-WINDOWS:]), state.columns)
    assert advance(after, restored) == advance([*before, *after])


def draw_rows(rng, count, thinned=1.0):
    """Return `count` standard normal rows; of the highest margins, keep this share."""
    rows = rng.normal(size=(2 * count, len(COLUMNS)))
    cut = 2.326  # the 99th percentile
    kept = (rows[:, -1] < cut) | (rng.random(2 * count) < thinned)
    return rows[kept][:count]


def judge(thinned, windows):
    rng = np.random.default_rng(1)
    detector, baseline = DriftDetector(draw_rows(rng, 40_000), COLUMNS), RollingBaseline()
    state = ReferenceShift()
    drifted, severities = [], []
    for _ in range(windows):
        rows = draw_rows(rng, SIZE, thinned)
        verdict = detector.detect(rows, baseline)
        baseline.add(rows)
        state = state.advance(verdict.reference)
        drifted.append(verdict.detected)
        severities.append(state.severity)
    return drifted, severities


def test_a_lower_level_of_scores_is_an_alarm_although_no_window_drifts():
    drifted, severities = judge(0.4, 12)
    assert not any(drifted)
    assert severities == ["ok"] * 9 + ["alarm"] * 3


def test_an_undisturbed_stream_does_not_shift():
    assert judge(1.0, 40) == ([False] * 40, ["ok"] * 40)


def test_a_shifted_input_is_named_after_the_baseline_has_adapted():
    rng = np.random.default_rng(2)
    detector, baseline = DriftDetector(draw_rows(rng, 40_000), COLUMNS), RollingBaseline()
    state = ReferenceShift()
    for _ in range(WINDOWS + 1):
        rows = draw_rows(rng, SIZE)
        rows[:, COLUMNS.names.index("V3")] += 1
        verdict = detector.detect(rows, baseline)
        baseline.add(rows)
        state = state.advance(verdict.reference)
    assert not verdict.detected
    assert (state.columns, state.severity) == (("V3",), "warn")
