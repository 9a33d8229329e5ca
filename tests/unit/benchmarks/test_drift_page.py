"""What docs/drift.md says of its figures in words."""

from pathlib import Path

import pytest

from benchmarks.drift.pace import Pace
from benchmarks.drift.page import METHOD, alarms_in_words, pace_in_words
from benchmarks.drift.trials import Undisturbed

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "drift.md").read_text()


def test_what_is_not_measured_stands_on_the_page_as_the_program_has_it():
    assert METHOD in PAGE


@pytest.mark.parametrize(
    ("counted", "words"),
    [
        (
            [(500, 1, 2_000), (1_000, 0, 600)],
            "They are under the limit at every size. So is the upper bound.",
        ),
        (
            [(500, 5, 2_000)],
            "They are under the limit at every size. The upper bound is above it at windows of 500 (0.52 %).",
        ),
        (
            [(500, 12, 2_000), (5_000, 10, 2_000)],
            "At windows of 500 they are over the limit: 12 of 2,000. At windows of 5,000 they are at the limit: 10 of 2,000. "
            "The upper bound is above it at windows of 500 (0.97 %), 5,000 (0.85 %).",
        ),
    ],
)
def test_false_alarms_at_the_limit_and_bounds_above_it_are_named(counted, words):
    watches = [
        Undisturbed(None, size, windows, windows, {"trailing": alarms})
        for size, alarms, windows in counted
    ]
    assert alarms_in_words(watches) == words


def pace(size, per_second, mib):
    return Pace(
        size,
        2_000_000,
        per_second,
        cpu_us=20.0,
        resident_mib=(1, 1, 1),
        peak_total_mib=mib,
        written=1,
        skipped=0,
    )


def test_a_pace_says_on_which_side_of_the_aims_it_is():
    assert (
        pace_in_words(pace(1_000, 39_253, 928))
        == "windows of 1,000: 39,253 predictions/s, under 50,000; 928 MiB, under 1.2 GB"
    )
    assert (
        pace_in_words(pace(5_000, 81_090, 1_145))
        == "windows of 5,000: 81,090 predictions/s, over 50,000; 1,145 MiB, over 1.2 GB"
    )
