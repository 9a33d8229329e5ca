from hypothesis import example, given
from hypothesis import strategies as st

from drift.detect.severity import LEVELS, Severity, replay_severity


def levels(verdicts, severity=None):
    severity = severity or Severity()
    found = []
    for detected in verdicts:
        severity = severity.advance(detected)
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


def test_drift_on_the_way_down_restarts_the_count():
    assert levels([True, True, False, False, True, False, False, False]) == ["warn"] + [
        "alarm"
    ] * 6 + ["warn"]


verdicts = st.lists(st.sampled_from([True, False, None]), max_size=30)


@given(verdicts, verdicts)
@example([True, True, *[False, True] * 6], [False])  # the alarm came before the last ten
def test_severity_is_restored_from_the_last_ten_windows_with_a_verdict(before, after):
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
