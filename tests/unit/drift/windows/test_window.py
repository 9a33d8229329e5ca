import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.errors import WindowOrderError
from drift.windows.window import Window, sample

SIZE = 7


@st.composite
def logs(draw):
    """Draw event offsets by partition, with gaps as left by transaction markers."""
    gaps = st.lists(st.integers(1, 3), max_size=30)
    return {
        partition: np.cumsum(draw(gaps)).tolist() for partition in range(draw(st.integers(1, 3)))
    }


def add(window, *events):
    """Add (partition, offset, timestamp in ms) events; a row is the partition and the offset."""
    places = np.array(events, np.int64)
    window.add(places, places[:, :2].astype(float))


def batches(events, rng, most):
    """Yield the events in batches of 1 to `most()`, as from a poll."""
    events = list(events)
    while events:
        size = min(rng.randint(1, SIZE), most())
        yield events[:size]
        events = events[size:]


def interleaved(logs, begin, rng):
    """Yield the events from `begin`: partitions in random order, each in offset order."""
    waiting = {
        partition: [offset for offset in offsets if offset >= begin.get(partition, 0)]
        for partition, offsets in logs.items()
    }
    while any(waiting.values()):
        partition = rng.choice([partition for partition, offsets in waiting.items() if offsets])
        yield partition, waiting[partition].pop(0)


def events_in(logs, spans):
    return {
        (partition, offset)
        for partition, (start, end) in spans.items()
        for offset in logs[partition]
        if start <= offset < end
    }


@given(logs(), st.randoms(use_true_random=False), st.lists(st.integers(1, 20)))
def test_every_event_is_in_exactly_one_window_despite_rereads(logs, rng, crashes):
    committed, windows = {}, []
    for lifetime in [*crashes, 10_000]:
        window = Window(SIZE, 2)
        for batch in batches(
            list(interleaved(logs, committed, rng))[:lifetime],
            rng,
            lambda: window.remaining,  # noqa: B023 - used at once
        ):
            add(window, *[(partition, offset, offset) for partition, offset in batch])
            if window.full:
                windows.append(window)
                committed |= {partition: end for partition, (_, end) in window.offsets.items()}
                window = Window(SIZE, 2)
    if len(window):
        windows.append(window)
    found = [event for window in windows for event in map(tuple, window.rows().astype(int))]
    assert sorted(found) == sorted(
        (partition, offset) for partition, offsets in logs.items() for offset in offsets
    )
    assert all(len(window) == SIZE for window in windows[:-1])
    for window in windows:
        assert events_in(logs, window.offsets) == set(map(tuple, window.rows().astype(int)))


@given(logs(), st.randoms(use_true_random=False))
def test_a_window_is_the_same_in_any_interleaving_of_partitions(logs, rng):
    first, second = Window(100, 2), Window(100, 2)
    for window in (first, second):
        for partition, offset in interleaved(logs, {}, rng):
            add(window, (partition, offset, 1000 + offset % 3))
    assert np.array_equal(first.rows(), second.rows())
    assert first.offsets == second.offsets


def test_offsets_end_after_the_last_event_and_skip_gaps():
    window = Window(3, 2)
    add(window, (0, 4, 4_000), (1, 0, 500))
    assert (window.remaining, window.full) == (1, False)
    add(window, (0, 8, 8_000))
    assert window.offsets == {0: (4, 9), 1: (0, 1)}
    assert window.full
    assert window.time_range == (0.5, 8.0)


def test_dropped_partitions_leave_nothing_and_may_return():
    window = Window(10, 2)
    add(window, (0, 4, 0), (1, 7, 0), (0, 5, 0), (2, 1, 0))
    window.drop({0, 2})
    assert (len(window), window.offsets) == (1, {1: (7, 8)})
    assert window.rows().tolist() == [[1.0, 7.0]]
    add(window, (0, 4, 0))
    assert window.offsets == {0: (4, 5), 1: (7, 8)}


@pytest.mark.parametrize("again", [[(0, 4, 0)], [(0, 5, 0), (1, 9, 0), (0, 5, 0)]])
def test_a_repeated_event_is_refused(again):
    window = Window(10, 2)
    add(window, (0, 4, 0))
    with pytest.raises(WindowOrderError, match=r"predictions\[0\]: offset (\d) came after \1"):
        add(window, *again)


def test_a_sample_is_determined_by_the_offsets_and_keeps_order():
    rows = np.arange(2_000.0).reshape(-1, 2)
    first = sample(rows, {1: (3, 900), 0: (0, 300)}, 100)
    again = sample(rows, {0: (0, 300), 1: (3, 900)}, 100)
    other = sample(rows, {0: (0, 300), 1: (4, 901)}, 100)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(np.unique(first[:, 0])) == 100
    assert np.all(np.diff(first[:, 0]) > 0)
    assert sample(rows, {0: (0, 1000)}, 1_000) is rows
