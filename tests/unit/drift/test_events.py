"""What stands on `drift.events`: windows among labels and changes of severity."""

from datetime import UTC, datetime

import msgspec
import pytest

from drift.events import WindowClosed, WindowLabelled, collect_recent_windows, decode_windows
from drift.quality import Quality

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def closed(number, detected=False):
    return msgspec.json.encode(
        WindowClosed(
            window=number, offsets={}, events=5_000, partial=False, score=None if detected is None else 0.0, detected=detected, report=None,
            model_version="v", closed_at=AT, distances={},
        )
    )  # fmt: skip


def labelled(number):
    return msgspec.json.encode(
        WindowLabelled(window=number, judged_at=AT, horizon_seconds=60.0, quality=Quality())
    )


def numbers(values, verdicts):
    """Of the windows that are found, and from which offset on the topic was read."""
    read = []

    def between(begin, end):
        read.append(begin[0])
        return values[begin[0] : end[0]]

    return [
        window.window
        for window in collect_recent_windows(between, {0: 0}, {0: len(values)}, verdicts)
    ], min(read, default=None)


def test_windows_are_found_behind_labels_that_came_together():
    values = [
        *map(closed, range(1, 30_001)),
        *map(labelled, range(1, 3_001)),
        *map(closed, range(30_001, 30_004)),
    ]
    found, first_read = numbers(values, verdicts=10)
    assert found == list(range(found[0], 30_004))
    assert len(found) >= 10
    assert first_read > 0  # of a long topic only the end


def test_windows_without_a_verdict_are_no_reference():
    values = [
        *map(closed, range(1, 21)),
        *(closed(number, detected=None) for number in range(21, 5_021)),
    ]
    found, _ = numbers(values, verdicts=10)
    assert found == list(range(1, 5_021))


@pytest.mark.parametrize("count", [0, 1, 9])
def test_where_there_are_fewer_all_are_found(count):
    assert numbers([*map(closed, range(1, count + 1)), labelled(1)], verdicts=10)[0] == list(
        range(1, count + 1)
    )


def test_windows_are_found_among_other_events_and_those_without_a_kind_are_windows():
    old = b'{"window":1,"offsets":{"0":[0,5]},"events":5,"partial":false,"score":null,"detected":null,"report":null,'
    old += b'"model_version":"v","closed_at":"2026-01-31T12:00:00Z","distances":{}}'
    found = list(
        decode_windows(
            [old, b'{"kind":"of another version"}', None, b'{"kind":"window",' + old[1:]]
        )
    )
    assert [window.window for window in found] == [1, 1]
    assert found[0].end is None
