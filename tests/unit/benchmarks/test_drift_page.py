"""The generated docs/drift-measurements.md, and the figures that docs/drift.md quotes from it."""

import re

import pytest
from support.paths import ROOT

from benchmarks.drift import page
from benchmarks.drift.pace import Pace
from benchmarks.drift.trials import Undisturbed

DOCS = ROOT / "docs"
MEASUREMENTS = (DOCS / "drift-measurements.md").read_text()
QUOTED = {  # row of docs/drift.md: the row of each table with windows of 1,000
    "mean shift of 0.5 standard deviations": ("mean shift", "mean shift of 0.5 sd"),
    "scale x 1.5": ("scale", "scale x 1.5"),
    "stuck at one value in half of the rows": (
        "stuck at one value in half of the rows",
        "stuck at one value in 50% of the rows",
    ),
}


def within_two(section, disturbance):
    """The count of runs found within two windows of 1,000, against previous windows."""
    text = MEASUREMENTS.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    row = rf"^\| {re.escape(disturbance)} \|(?: 1,000 \|)? previous windows \| [^|]+ \| (\d+) of"
    return re.findall(row, text, re.MULTILINE)[-1]


def test_the_fixed_text_of_the_program_is_on_the_page():
    assert MEASUREMENTS.startswith(page.HEAD)
    assert page.render_bounds() in MEASUREMENTS


@pytest.mark.parametrize("change", QUOTED)
def test_the_page_on_drift_quotes_the_measurements(change):
    row = re.search(rf"^\| {change} \| (.+) \|$", (DOCS / "drift.md").read_text(), re.MULTILINE)
    simulated, by_amount = QUOTED[change]
    assert row[1].split(" | ") == [
        within_two("Simulated stream without a daily rhythm", simulated),
        within_two("Simulated stream with a daily rhythm", simulated),
        within_two("creditcard.csv", by_amount),
    ]


@pytest.mark.parametrize(
    ("counted", "words"),
    [
        (
            [(500, 1, 2_000), (1_000, 0, 600)],
            "False alarms are under the limit at every size. So is the upper bound.",
        ),
        (
            [(500, 5, 2_000)],
            "False alarms are under the limit at every size. "
            "The upper bound is over it for windows of 500 (0.52%).",
        ),
        (
            [(500, 12, 2_000), (5_000, 10, 2_000)],
            "Windows of 500 are over the limit: 12 of 2,000. "
            "Windows of 5,000 are at the limit: 10 of 2,000. "
            "The upper bound is over it for windows of 500 (0.97%), 5,000 (0.85%).",
        ),
    ],
)
def test_false_alarms_at_the_limit_and_bounds_over_it_are_named(counted, words):
    watches = [
        Undisturbed(None, size, windows, windows, {"rolling": alarms})
        for size, alarms, windows in counted
    ]
    assert page.describe_false_alarms(watches) == words


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


def test_a_pace_is_compared_with_the_targets():
    assert (
        page.describe_pace(pace(1_000, 39_253, 928))
        == "windows of 1,000: 39,253 predictions/s, under 50,000; 928 MiB, under 1.2 GB"
    )
    assert (
        page.describe_pace(pace(5_000, 81_090, 1_145))
        == "windows of 5,000: 81,090 predictions/s, over 50,000; 1,145 MiB, over 1.2 GB"
    )
