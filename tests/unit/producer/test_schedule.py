"""When the rows of a replay are due, on a clock that moves only during sleep."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from producer.rows import Row
from producer.schedule import at_rate, at_speed, yield_when_due


@dataclass
class FakeClock:
    now: float = 50.0
    naps: list[float] = field(default_factory=list)

    def time(self):
        return 1_700_000_000 + self.now

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.naps.append(seconds)
        self.now += (
            seconds + 1e-9
        )  # a real clock always moves: rounding could otherwise make a wait endless


def rows(*times):
    return [Row(i, f"r-{i}", time, (), False) for i, time in enumerate(times)]


def measure_times(rows, schedule, clock, work=0.0, on_tick=lambda _: True):
    """Return when each row came, in seconds from the start; each takes `work` seconds."""
    start = clock.monotonic()
    times = []
    for _ in yield_when_due(rows, schedule, clock, start, on_tick):
        times.append(clock.monotonic() - start)
        clock.now += work
    return times


def test_a_rate_is_kept_without_drift():
    times = measure_times(rows(*[0.0] * 10_001), at_rate(2_000), FakeClock(now=0.0), work=0.0001)
    late = np.array(times) - np.arange(10_001) / 2_000
    assert late.min() > -1e-9
    assert late.max() < 0.0015
    assert late[-500:].mean() == pytest.approx(late[:500].mean(), abs=1e-4)


def test_a_delay_is_caught_up():
    clock = FakeClock()

    def late():
        for i, row in enumerate(rows(*[0.0] * 100)):
            clock.now += 0.5 if i == 10 else 0  # such as a slow disk
            yield row

    times = measure_times(late(), at_rate(100), clock)
    assert times[10:60] == pytest.approx([0.59] * 50, abs=1e-6)
    assert times[60:] == pytest.approx([i / 100 for i in range(60, 100)], abs=1e-6)


def test_without_a_rate_there_is_no_wait():
    clock = FakeClock()
    assert len(measure_times(rows(*[0.0] * 1_000), at_rate(0), clock)) == 1_000
    assert clock.naps == []


def test_the_clock_of_the_file_can_run_sixty_times_as_fast():
    assert measure_times(rows(100, 100, 160, 400), at_speed(60), FakeClock()) == pytest.approx(
        [0, 0, 1, 5], abs=1e-6
    )


def test_a_long_wait_can_be_stopped():
    clock = FakeClock()
    looks = []

    def on_tick(elapsed):
        looks.append(elapsed)
        return elapsed < 3

    assert len(measure_times(rows(0, 3600), at_speed(1), clock, on_tick=on_tick)) == 1
    assert 3 <= looks[-1] < 3.2
