"""Reading windows from `drift.events`, among labels and changes of severity."""

import msgspec
import pytest
from support.data.windows import CLOSED_AT, make_window

from drift.events import WindowLabelled, collect_recent_windows, decode_windows
from drift.quality import Quality


def closed(number, **changes):
    return msgspec.json.encode(make_window(number, **changes))


def test_a_window_lists_what_drifted_farthest_first():
    window = make_window(
        distances={"V1": 0.9, "V2": 0.1, "V3": 2.0, "margin": 0.1},
        limits={"V1": 1.0, "V2": 1.0, "V3": 1.0, "margin": 1.0},
        stuck={"V1": 0.2, "V2": 3.0, "V3": 0.0, "margin": 0.0},
        tail=1.5,
    )
    assert window.list_drifted() == ["V2", "V3", "margin"]


def labelled(number):
    return msgspec.json.encode(
        WindowLabelled(window=number, judged_at=CLOSED_AT, horizon_seconds=60.0, quality=Quality())
    )


def numbers(values, verdicts):
    """Return the numbers of the windows found, and the first offset read."""
    read = []

    def between(begin, end):
        read.append(begin[0])
        return values[begin[0] : end[0]]

    return [
        window.window
        for window in collect_recent_windows(between, {0: 0}, {0: len(values)}, verdicts)
    ], min(read, default=None)


def test_windows_are_found_before_a_long_run_of_labels():
    values = [
        *map(closed, range(1, 30_001)),
        *map(labelled, range(1, 3_001)),
        *map(closed, range(30_001, 30_004)),
    ]
    found, first_read = numbers(values, verdicts=10)
    assert found == list(range(found[0], 30_004))
    assert len(found) >= 10
    assert first_read > 0  # only the end of a long topic


def test_windows_without_a_verdict_do_not_count():
    values = [
        *map(closed, range(1, 21)),
        *(closed(number, detected=None) for number in range(21, 5_021)),
    ]
    found, _ = numbers(values, verdicts=10)
    assert found == list(range(1, 5_021))


@pytest.mark.parametrize("count", [0, 1, 9])
def test_all_windows_are_found_if_there_are_fewer(count):
    assert numbers([*map(closed, range(1, count + 1)), labelled(1)], verdicts=10)[0] == list(
        range(1, count + 1)
    )


def test_windows_are_found_among_other_events_and_without_a_kind():
    old = b'{"window":1,"offsets":{"0":[0,5]},"events":5,"partial":false,"score":null,'
    old += b'"detected":null,"report":null,"model_version":"v",'
    old += b'"closed_at":"2026-01-31T12:00:00Z","distances":{}}'
    found = list(
        decode_windows(
            [old, b'{"kind":"of another version"}', None, b'{"kind":"window",' + old[1:]]
        )
    )
    assert [window.window for window in found] == [1, 1]
    assert found[0].end is None
