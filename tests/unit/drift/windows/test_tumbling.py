from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.windows.idle_partitions import IdlePartitions
from drift.windows.tumbling import LATE_RUN, TumblingWindows

HOUR = 3_600_000
LENGTH = timedelta(hours=1)
NO_LIMIT = 1_000


class Closed(NamedTuple):
    begin: int | None
    offsets: dict
    events: set
    late: int
    complete: bool


@st.composite
def logs(draw):
    """Draw (offset, event time in ms) pairs by partition, out of order in time, with gaps between
    offsets.
    """
    found = {}
    for partition in range(draw(st.integers(1, 4))):
        gaps = draw(st.lists(st.integers(1, 3), max_size=20))
        minutes = draw(st.lists(st.integers(0, 400), min_size=len(gaps), max_size=len(gaps)))
        rising = sorted(minutes) if draw(st.booleans()) else minutes
        found[partition] = list(
            zip(np.cumsum(gaps).tolist(), (60_000 * minute for minute in rising), strict=True)
        )
    return found


def add(windows, events):
    """Add (partition, offset, time) events; each is also its row."""
    places = np.array([(partition, offset, 0) for partition, offset, _ in events], np.int64)
    windows.add(
        places, np.array(events, float), np.array([time for _, _, time in events], np.int64)
    )


def milliseconds(interval):
    return None if interval is None else round(interval[0].timestamp() * 1000)


def close(windows):
    rows = windows.window.rows().astype(int)
    closed = Closed(
        milliseconds(windows.interval),
        windows.window.offsets,
        set(map(tuple, rows.tolist())),
        windows.count_late(rows[:, 2]),
        windows.complete,
    )
    assert len(closed.events) == len(rows)
    windows.open_next()
    return closed


def read(logs, windows, rng, begin=None, lifetime=10_000, gives_up=lambda partition: False):
    """Yield the windows that close while partitions are read in random order, except held ones."""
    left = {
        partition: [event for event in events if event[0] >= (begin or {}).get(partition, 0)]
        for partition, events in logs.items()
    }
    while lifetime := lifetime - 1:
        ready = [
            partition
            for partition, events in left.items()
            if events and partition not in windows.held
        ]
        chosen = rng.choice(ready) if ready else None
        if chosen is not None:
            many = rng.randint(1, 5)
            add(windows, [(chosen, *event) for event in left[chosen][:many]])
            left[chosen] = left[chosen][many:]
        windows.advance(
            {
                partition
                for partition in logs
                if (left[partition] or partition in windows.held) and not gives_up(partition)
            }
        )
        finished = not any(left.values()) and not windows.held
        if windows.due or (finished and len(windows.window)):
            yield close(windows)
        elif finished:
            return


def before(left, bound):
    """Take each partition's events up to its first at or after the bound."""
    for partition, events in left.items():
        while events and events[0][1] < bound:
            yield partition, *events.pop(0)


def expected(logs):
    """Yield the windows by the rule, event by event."""
    left, floor = {partition: list(events) for partition, events in logs.items()}, 0
    while any(left.values()):
        window, begin = [], None
        window += before(left, floor)
        if heads := [events[0][1] for events in left.values() if events]:
            begin = min(heads) // HOUR * HOUR
            floor = begin + HOUR
            window += before(left, floor)
        yield begin, set(window), sum(begin is None or time < begin for _, _, time in window)


@given(logs(), st.randoms(use_true_random=False))
def test_windows_follow_the_rule_in_any_interleaving_of_partitions(logs, rng):
    found = list(read(logs, TumblingWindows(NO_LIMIT, 3, LENGTH), rng))
    assert [(closed.begin, closed.events, closed.late) for closed in found] == list(expected(logs))


@given(
    logs(),
    st.randoms(use_true_random=False),
    st.lists(st.integers(1, 12)),
    st.sampled_from([3, NO_LIMIT]),
    st.booleans(),
    st.sampled_from([2, LATE_RUN]),
)
def test_every_event_is_in_one_range_of_one_window_despite_crashes_and_idle_partitions(
    logs, rng, crashes, size, silences, late_run
):
    with patch("drift.windows.tumbling.LATE_RUN", late_run):
        _check_every_event(logs, rng, crashes, size, silences)


def _check_every_event(logs, rng, crashes, size, silences):
    told, committed, floor, windows = [], {}, None, []
    for lifetime in [*crashes, 10_000]:
        tumbling = TumblingWindows(size, 3, LENGTH, floor, told.append)
        for closed in read(
            logs, tumbling, rng, committed, lifetime, lambda _: silences and rng.random() < 0.3
        ):
            windows.append(closed)
            committed |= {partition: end for partition, (_, end) in closed.offsets.items()}
            if closed.begin is not None:
                floor = datetime.fromtimestamp((closed.begin + HOUR * closed.complete) / 1000, UTC)
    everything = [(partition, *event) for partition, events in logs.items() for event in events]
    assert sorted(event for closed in windows for event in closed.events) == sorted(everything)
    for closed in windows:
        held = {
            (p, o, t)
            for p, o, t in everything
            for start, end in [closed.offsets.get(p, (0, 0))]
            if start <= o < end
        }
        assert held == closed.events
        assert closed.begin is None or all(
            time < closed.begin + HOUR for _, _, time in closed.events
        )
        assert closed.late == sum(
            closed.begin is None or time < closed.begin for _, _, time in closed.events
        )
    timed = [closed for closed in windows if closed.begin is not None]
    for one, following in pairwise(timed):  # the watermark never goes back without saying so
        assert told or following.begin >= one.begin + HOUR * one.complete


def test_an_idle_partition_delays_nothing_and_is_late_when_it_returns():
    windows = TumblingWindows(NO_LIMIT, 3, LENGTH)
    add(windows, [(0, 1, 10), (0, 2, HOUR + 10), (0, 3, 2 * HOUR)])
    windows.advance({0, 1})
    assert (windows.interval, windows.due, len(windows.window)) == (
        None,
        False,
        0,
    )  # partition 1 may have earlier events
    windows.advance({0})
    assert milliseconds(windows.interval) == 0
    windows.advance({0})
    assert windows.due
    assert close(windows).events == {(0, 1, 10)}
    add(windows, [(1, 7, 20)])
    windows.advance({0})
    windows.advance({0})
    assert close(windows) == Closed(
        HOUR, {0: (2, 3), 1: (7, 8)}, {(0, 2, HOUR + 10), (1, 7, 20)}, late=1, complete=True
    )


def test_events_after_an_early_close_are_not_late_for_the_same_hour():
    windows = TumblingWindows(NO_LIMIT, 3, LENGTH)
    for offset in (1, 2):
        add(windows, [(0, offset, 30 - offset)])
        windows.advance({0})
        closed = close(windows)
        assert (closed.begin, closed.late, closed.complete) == (0, 0, False)


DAY = 24 * HOUR


def replay(partition, first, count):
    """Events of the first hours of 1970, 10 minutes apart."""
    return [(partition, first + n, n * 600_000) for n in range(count)]


@pytest.mark.parametrize("is_closed", [True, False])
def test_a_replay_after_a_live_event_gets_windows_of_its_own(is_closed):
    told = []
    windows = TumblingWindows(NO_LIMIT, 3, LENGTH, on_late_run=told.append)
    add(windows, [(0, 1, 9_000 * DAY)])
    windows.advance({0})
    closed = [close(windows)] if is_closed else []
    add(windows, replay(0, 2, LATE_RUN))
    if not is_closed:
        assert windows.due
        closed = [close(windows)]
    assert closed == [Closed(9_000 * DAY, {0: (1, 2)}, {(0, 1, 9_000 * DAY)}, 0, False)]
    assert told == [datetime(1970, 1, 1, tzinfo=UTC)]
    for hour in range(LATE_RUN // 6):
        windows.advance({0})
        windows.advance({0})
        window = close(windows)
        assert (window.begin, len(window.events), window.late) == (hour * HOUR, 6, 0)
        assert window.offsets == {0: (2 + 6 * hour, 8 + 6 * hour)}


def test_stragglers_stay_in_the_open_window():
    windows = TumblingWindows(NO_LIMIT, 3, LENGTH)
    add(windows, [(0, 1, 9_000 * DAY)])
    windows.advance({0})
    add(windows, replay(0, 2, LATE_RUN - 1))
    add(windows, [(1, 1, 9_000 * DAY)])
    add(windows, replay(1, 2, 1))
    assert not windows.due
    assert close(windows).late == LATE_RUN


def test_a_run_of_late_events_leaves_each_partition_one_range():
    windows = TumblingWindows(NO_LIMIT, 3, LENGTH)
    add(windows, [(0, 1, 9_000 * DAY), (1, 1, 9_000 * DAY)])
    windows.advance({0, 1})
    add(windows, [(0, 2, 5), (1, 2, 6), (1, 3, 9_000 * DAY + 1), *replay(1, 4, LATE_RUN)])
    first = close(windows)
    assert first.offsets == {0: (1, 2), 1: (1, 4)}
    windows.advance({0, 1})
    windows.advance({1})
    assert windows.window.offsets == {0: (2, 3), 1: (4, 10)}


def test_dropping_a_partition_reopens_the_window():
    windows = TumblingWindows(NO_LIMIT, 3, LENGTH)
    add(windows, [(0, 1, 10), (1, 1, 3 * HOUR)])
    windows.advance({0, 1})
    windows.drop({0})
    assert not windows.due
    windows.advance({1})
    assert milliseconds(windows.interval) == 3 * HOUR
    assert windows.window.offsets == {1: (1, 2)}


def test_idle_partitions_are_tracked_one_by_one():
    now = [0.0]
    idle = IdlePartitions(10.0, lambda: now[0])
    idle.mark_active({0, 1, 2})
    now[0] = 9.0
    idle.mark_active({1})
    idle.forget({2})
    now[0] = 10.0
    idle.update(lambda: True)
    assert idle.active == {1}
    now[0] = 18.0
    idle.restart_timers()
    now[0] = 27.0
    idle.update(lambda: True)
    assert idle.active == {1}
    now[0] = 28.0
    idle.update(lambda: False)  # the broker does not answer
    idle.update(lambda: True)
    assert idle.active == {1}
    idle.mark_active({0})
    assert idle.active == {0, 1}
    now[0] = 99.0
    idle.update(lambda: True)
    assert idle.active == set()
    idle.expect_all()
    assert idle.active == {0, 1}
