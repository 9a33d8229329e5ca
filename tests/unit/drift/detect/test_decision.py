import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import poisson

from drift.detect.impact import alert_rate, rank_features
from drift.detect.reference_profile import measure
from drift.detect.severity import LEVELS, Severity, replay_severity
from payments.contract import INPUTS


def levels(verdicts, severity=None):
    severity = severity or Severity()
    found = []
    for detected in verdicts:
        severity = severity.after(detected)
        found.append(severity.name)
    return found


def test_alarm_comes_with_the_second_drifted_window_in_a_row():
    assert levels([False, True, False, True, True, True]) == [
        "ok",
        "warn",
        "warn",
        "warn",
        "alarm",
        "alarm",
    ]


def test_from_alarm_to_ok_takes_six_windows_without_drift():
    calm = levels([True, True] + [False] * 7)[2:]
    assert calm == ["alarm", "alarm", "warn", "warn", "warn", "ok", "ok"]


def test_a_drifted_window_on_the_way_down_begins_the_count_again():
    assert levels([True, True, False, False, True, False, False, False]) == ["warn"] + [
        "alarm"
    ] * 6 + ["warn"]


verdicts = st.lists(st.sampled_from([True, False, None]), max_size=30)


@given(verdicts, verdicts)
@example([True, True, *[False, True] * 6], [False])  # an alarm that came before the last ten
def test_severity_goes_on_from_the_last_ten_windows_with_a_verdict(before, after):
    known = list(zip(before, levels(before), strict=True))
    told = [i for i, detected in enumerate(before) if detected is not None]
    last_ten = known[told[-10] :] if len(told) > 10 else known
    assert levels(after, replay_severity(last_ten)) == levels(before + after)[len(before) :]


@given(st.lists(st.sampled_from([True, False, None]), max_size=40))
def test_windows_without_a_verdict_change_nothing(verdicts):
    assert levels([one for one in verdicts if one is not None]) == [
        level for level, one in zip(levels(verdicts), verdicts, strict=True) if one is not None
    ]
    assert set(levels(verdicts)) <= set(LEVELS)


def test_features_are_ranked_by_distance_times_reliance():
    distances, reliance = dict.fromkeys((*INPUTS, "margin"), 0.01), dict.fromkeys(INPUTS, 0.01)
    distances |= {"V1": 3.0, "V4": 1.0, "V14": 0.5, "margin": 9.0}
    reliance |= {"V1": 0.001, "V4": 0.1, "V14": 0.3}
    found = rank_features(distances, reliance)
    assert [one.feature for one in found[:3]] == ["V14", "V4", "V1"]
    assert found[0].weight == 0.15
    assert len(found) == len(INPUTS)


@pytest.mark.parametrize("count", [0, 1, 3, 40])
def test_the_interval_holds_the_rates_that_the_count_does_not_refute(count):
    found = alert_rate(count, 5_000, 43_200.0, 0.001)
    assert (found.count, found.per_day, found.usual_per_day) == (count, 2 * count, 10)
    assert poisson.cdf(count, found.high / 2) == pytest.approx(0.025)
    assert (
        found.low == 0
        if count == 0
        else poisson.sf(count - 1, found.low / 2) == pytest.approx(0.025)
    )


def test_no_rate_without_time():
    assert alert_rate(3, 5_000, 0.0, 0.001) is None


def test_a_model_relies_on_what_it_was_given_to_find_frauds_by(model):
    found = measure(model)
    assert sum(found.reliance.values()) == pytest.approx(1)
    strongest = sorted(found.reliance, key=found.reliance.get)[-3:]
    assert set(strongest) == {"V4", "V11", "V14"}
    assert 0 < found.alert_share < 0.2
    assert np.isfinite(found.alert_share)
