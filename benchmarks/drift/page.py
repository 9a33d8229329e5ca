"""Render docs/drift-measurements.md from the results of the trials."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.drift.pace import Pace
from benchmarks.drift.trials import (
    METHODS,
    Detection,
    FraudRises,
    Undisturbed,
    tail_power,
    upper_bound,
)
from drift.detect.calibration import WINDOWS_A_FALSE_ALARM
from drift.detect.detector import COLUMNS, Verdict

REVIEW_SHARE = 0.0007  # 100 alerts a day of 142,404 payments, the default policy
_PROMISED = 0.005
_TARGET_PER_SECOND = 50_000  # of the monitor
_TARGET_MIB = 1.2e9 / 2**20  # of the monitor with its report process
_LEVELS = (_PROMISED, 1 / WINDOWS_A_FALSE_ALARM)
_FRAUD_SHARE = 0.0017  # of creditcard.csv: 492 of 284,807
_DETECTION = ("compared with", "in the first window", "within two", "right feature first")

HEAD = """# Drift measurements

For model owners and developers who want the figures behind [Drift](drift.md): false alarms,
detection, and the speed and memory of `fraud monitor`.

This page is written by `python -m benchmarks.drift`. Percentages in "upper bound" are exact
one-sided 95 % bounds. Detection counts do not include the severity's hysteresis.
"""


@dataclass(frozen=True)
class Simulated:
    """Results on one kind of simulated stream.

    `found` is keyed by disturbance, window size and method; `by_amount` by disturbance and its
    amount; `high_scores` and `events_per_second` by window size.
    """

    rhythm: bool
    undisturbed: list[Undisturbed]
    found: Mapping[tuple[str, int, str], Detection]
    by_amount: Mapping[tuple[str, float], Detection]
    high_scores: Mapping[int, int]
    runs: int
    events_per_second: Mapping[int, float]


@dataclass(frozen=True)
class Real:
    """Results on creditcard.csv.

    `windows` holds verdicts by part of the file and window size. Detections in the test part are
    in `by_amount`, by disturbance and its amount, and in `features`, by feature and shift.
    """

    windows: Mapping[tuple[str, int], list[Verdict]]
    by_amount: Mapping[tuple[str, float], Detection]
    features: Mapping[str, Mapping[float, Detection]]
    rises: FraudRises


def render_page(
    simulated: Iterable[Simulated],
    rises: Iterable[FraudRises],
    real: Real,
    paces: Sequence[Pace],
    promised: Mapping[int, int],
) -> str:
    """Render the page. `promised` is the number of undisturbed windows by size."""
    parts = [HEAD]
    for stream in simulated:
        rhythm = "with" if stream.rhythm else "without"
        parts += [
            f"## Simulated stream {rhythm} a daily rhythm\n",
            _render_false_alarms(stream, promised),
            _render_detections(stream),
        ]
        if stream.by_amount:
            parts += [_render_by_amount(stream.by_amount)]
        else:
            parts += [_render_tail(stream), render_bounds(), _render_speed(stream)]
    parts += [_render_rises(rises, real.rises), *_render_real(real), _render_paces(paces)]
    return "\n".join(parts)


def _render_table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    columns = list(head)
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def _render_false_alarms(stream: Simulated, promised: Mapping[int, int]) -> str:
    rows = []
    for watch in stream.undisturbed:
        windows = f"{watch.windows:,}"
        if watch.windows < promised[watch.size]:
            windows += f" (of {promised[watch.size]:,} planned)"
        for method, name in METHODS.items():
            alarms = watch.alarms[method]
            share = f"{100 * alarms / watch.windows:.2f} %"
            bound = f"{100 * upper_bound(alarms, watch.windows):.2f} %"
            rows.append([f"{watch.size:,}", name, alarms, windows, share, bound])
    columns = sum((Counter(watch.columns) for watch in stream.undisturbed), Counter[str]())
    head = ("window", "compared with", "false alarms", "windows", "share", "upper bound")
    return (
        f"### False alarms\n\nThe limit is {100 * _PROMISED} % of the windows.\n\n"
        + _render_table(head, rows)
        + f"\nColumns behind the false alarms against previous windows: {_format_counts(columns)}."
        + f"\n{describe_false_alarms(stream.undisturbed)}\n"
    )


def describe_false_alarms(undisturbed: Iterable[Undisturbed]) -> str:
    """Say at which sizes the monitor's own method, or its upper bound, reaches the limit."""
    parts = []
    above = []
    for watch in undisturbed:
        alarms = watch.alarms["trailing"]
        limit = _PROMISED * watch.windows
        bound = upper_bound(alarms, watch.windows)
        if alarms >= limit:
            relation = "at" if alarms == limit else "over"
            count = f"{alarms:,} of {watch.windows:,}"
            parts.append(f"Windows of {watch.size:,} are {relation} the limit: {count}.")
        if bound > _PROMISED:
            above.append(f"{watch.size:,} ({100 * bound:.2f} %)")
    parts = parts or ["False alarms are under the limit at every size."]
    if above:
        parts.append(f"The upper bound is over it for windows of {', '.join(above)}.")
    else:
        parts.append("So is the upper bound.")
    return " ".join(parts)


def _render_detections(stream: Simulated) -> str:
    rows = [
        [name, f"{size:,}", *_detection_cells(METHODS[method], detection)]
        for (name, size, method), detection in stream.found.items()
    ]
    return (
        "### Detection\n\nOne feature is disturbed, each feature equally often. Shifts are 0.5 "
        "standard deviations, scales 1.5.\n\n"
        + _render_table(("disturbance", "window", *_DETECTION), rows)
    )


def _detection_cells(compared_with: str, detection: Detection) -> list[str]:
    return [
        compared_with,
        f"{detection.at_once} of {detection.runs}",
        f"{detection.within_two} of {detection.runs}",
        f"{detection.right} of {detection.within_two}",
    ]


def _render_by_amount(by_amount: Mapping[tuple[str, float], Detection]) -> str:
    rows = [
        [name.format(amount), *_detection_cells(METHODS["trailing"], detection)]
        for (name, amount), detection in by_amount.items()
    ]
    return "### Detection by size of the disturbance\n\nWindows of 1,000.\n\n" + _render_table(
        ("disturbance", *_DETECTION), rows
    )


def _render_tail(stream: Simulated) -> str:
    rows = []
    for size, hits in stream.high_scores.items():
        expected = 2 * size * REVIEW_SHARE
        bound = f"{100 * tail_power(REVIEW_SHARE, 3.0, 2 * size, _PROMISED):.0f} %"
        counts = [f"{expected:.1f}", f"{3 * expected:.1f}"]
        rows.append([f"{size:,}", *counts, bound, f"{hits} of {stream.runs}"])
    head = (
        "window",
        "expected in two windows",
        "with three times the share",
        "maximum for any test",
        "found within two",
    )
    return (
        f"### More high scores\n\nScores in the highest {100 * REVIEW_SHARE:.2f} %, the default "
        "position of `review`, are three times as\nfrequent. The maximum is the power of the best "
        "test of a known share on both windows together, at\n"
        f"one false alarm in {round(1 / _PROMISED)} (Neyman and Pearson): **no test can find this "
        "change in two windows of 1,000.**\n\n" + _render_table(head, rows)
    )


def render_bounds() -> str:
    """Render the maximum power of a test on high scores, which needs no measurement."""
    rows = [
        [
            f"{100 * share:.2f} %",
            f"{windows} x {size:,}",
            *(f"{100 * tail_power(share, 3.0, windows * size, level):.0f} %" for level in _LEVELS),
        ]
        for share in (REVIEW_SHARE, _FRAUD_SHARE)
        for size in (1_000, 5_000)
        for windows in (1, 2)
    ]
    levels = [f"one false alarm in {round(1 / level):,}" for level in _LEVELS]
    return (
        "The maximum is P(X >= k) for X Poisson with mean 3 n s, for a share s of n rows. k is the "
        "smallest\ncount that a Poisson variable with mean n s reaches with at most the given "
        "probability of a false\nalarm; only a randomised test could do better. The table shows it "
        "for this share and for the share of\nfrauds, at the promised level and at the level a "
        f"verdict aims at because it also judges {len(COLUMNS)}\ncolumns:\n\n"
        + _render_table(("share of scores", "rows", *levels), rows)
    )


def _render_speed(stream: Simulated) -> str:
    rows = [[f"{size:,}", f"{rate:,.0f}"] for size, rate in stream.events_per_second.items()]
    return (
        "### Speed of the verdict\n\nEvents per second of CPU time on one core.\n\n"
        + _render_table(("window", "events/s"), rows)
    )


def _render_rises(simulated: Iterable[FraudRises], real: FraudRises) -> str:
    streams = [*(("simulated", rises) for rises in simulated), ("creditcard.csv", real)]
    rows = [
        [
            name,
            f"{rises.size:,}",
            f"{rises.alarms} of {rises.windows:,}",
            f"{100 * upper_bound(rises.alarms, rises.windows):.2f} %",
            f"{rises.at_once} of {rises.runs}",
            f"{rises.within_two} of {rises.runs}",
        ]
        for name, rises in streams
    ]
    head = (
        "stream",
        "window",
        "alarms, undisturbed",
        "upper bound",
        "five times the frauds: in the first window",
        "within two",
    )
    return (
        "## Frauds, once labels arrive\n\nAll payments are labelled. The two newest windows are "
        "compared with up to eighteen before them.\nConsecutive comparisons share a window, so "
        "alarms come in pairs. In the real file, frauds come in\nbursts and their share is larger "
        "at night, so an alarm there may be right.\n\n" + _render_table(head, rows)
    )


def _render_real(real: Real) -> list[str]:
    rows = []
    columns = Counter[str]()
    for (part, size), verdicts in real.windows.items():
        alarms = sum(verdict.detected for verdict in verdicts)
        columns += Counter(
            name for verdict in verdicts for name, ratio in verdict.ranking if ratio >= 1
        )
        tails = sum(verdict.tail >= 1 for verdict in verdicts)
        far = np.median([max(verdict.from_reference.values()) for verdict in verdicts])
        rows.append([part, f"{size:,}", len(verdicts), alarms, tails, f"{far:.2f}"])
    head = (
        "rows of the file",
        "window",
        "windows",
        "alarms",
        "of which by the tail",
        "median of the largest distance to the reference, sd",
    )
    alarms_text = (
        "## creditcard.csv\n\n### Alarms without a disturbance\n\nIt is not known what drifted in "
        "this file, so an alarm may be right or wrong. The reference covers\n20 hours of the day, "
        "and few of those in the test part. The first half of the training part is not in\nthe "
        "reference, but its margins come from rows that the model was fitted on.\n\n"
        + _render_table(head, rows)
        + f"\nColumns over their threshold: {_format_counts(columns)}.\n"
    )
    return [
        alarms_text,
        _render_by_amount(real.by_amount).replace("Windows", "In the test part, windows"),
        _render_by_feature(real),
        _render_thresholds(real.windows["test part", 5_000][-1]),
    ]


def _render_by_feature(real: Real) -> str:
    amounts = list(next(iter(real.features.values())))
    limits = real.windows["test part", 1_000][-1].limits
    rows = [
        [
            name,
            f"{limits[name]:.2f}",
            *(f"{detection.within_two} of {detection.runs}" for detection in shifts.values()),
        ]
        for name, shifts in sorted(real.features.items(), key=lambda item: limits[item[0]])
    ]
    shifts = [f"shift of {amount} sd, within two" for amount in amounts]
    return (
        "### Detection by feature\n\nA mean shift of one feature in the test part, windows of "
        "1,000, lowest threshold first.\n\n"
        + _render_table(("feature", "threshold, sd", *shifts), rows)
    )


def _render_thresholds(verdict: Verdict) -> str:
    limits = sorted(verdict.limits.items(), key=lambda item: -item[1])
    return (
        "### Thresholds\n\nThe distance from which a column drifts, in standard deviations, at the "
        "last window of 5,000 of the\ntest part: "
        + ", ".join(f"{name} {limit:.2f}" for name, limit in limits)
        + ".\nThe highest belong to columns that every night in the reference moves far away from "
        "the day. A shift\nof that size at any hour is within the file's own variation and is not "
        "found.\n"
    )


def _render_paces(paces: Sequence[Pace]) -> str:
    rows = [
        [
            f"{pace.size:,}",
            f"{pace.events:,}",
            f"{pace.per_second:,.0f}",
            f"{pace.cpu_us:.1f}",
            ", ".join(f"{mib:,.0f}" for mib in pace.resident_mib),
            f"{pace.peak_total_mib:,.0f}",
            f"{pace.written}, {pace.skipped}",
        ]
        for pace in paces
    ]
    head = (
        "window",
        "predictions",
        "predictions/s",
        "CPU, us per prediction",
        "monitor, MiB, after a quarter, half, all",
        "peak with the report process, MiB",
        "reports written, skipped",
    )
    return (
        "## The monitor at full speed\n\n`fraud monitor` processes waiting predictions, with the "
        "broker on the same machine: reading,\nverdicts, reports, and one committed event per "
        "window. Measured from the first window to the last.\n\n"
        + _render_table(head, rows)
        + f"\nThe targets are {_TARGET_PER_SECOND:,} predictions/s, and 1.2 GB "
        + f"({_TARGET_MIB:,.0f} MiB) with the report process:\n\n"
        + "".join(f"- {describe_pace(pace)}\n" for pace in paces)
        + "\nThese runs hold no labels. With two million labels and the largest windows, the "
        "monitor is\n[under 1.2 GB too](drift.md#what-a-window-is).\n"
    )


def describe_pace(pace: Pace) -> str:
    """Compare a run with the targets."""
    speed = "over" if pace.per_second > _TARGET_PER_SECOND else "under"
    memory = "over" if pace.peak_total_mib > _TARGET_MIB else "under"
    return (
        f"windows of {pace.size:,}: {pace.per_second:,.0f} predictions/s, {speed} "
        f"{_TARGET_PER_SECOND:,}; {pace.peak_total_mib:,.0f} MiB, {memory} 1.2 GB"
    )


def _format_counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in counts.most_common()) or "none"
