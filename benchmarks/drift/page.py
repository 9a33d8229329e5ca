"""Render docs/drift-measurements.md from the results of the trials."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from benchmarks.drift.pace import Pace
from benchmarks.drift.trials import (
    METHODS,
    Detection,
    FraudRises,
    Undisturbed,
    compute_tail_power,
    compute_upper_bound,
)
from drift.detect.calibration import WINDOWS_A_FALSE_ALARM
from drift.detect.detector import Verdict
from model.reports.rendering import make_environment
from payments.contract import INPUTS

REVIEW_SHARE = 0.0007  # 100 alerts a day of 142,404 payments, the default policy
_PROMISED = 0.005
_TARGET_PER_SECOND = 50_000  # of the monitor
_TARGET_MIB = 1.2e9 / 2**20  # of the monitor with its report process
_FRAUD_SHARE = 0.0017  # of creditcard.csv: 492 of 284,807

HEAD = """# Drift measurements

For model owners and developers who want the figures behind [Drift](drift.md): false alarms,
detection, and the speed and memory of `fraud monitor`.

This page is written by `python -m benchmarks.drift`. Percentages in "upper bound" are exact
one-sided 95% bounds. Detection counts do not include the severity's hysteresis.
"""


@dataclass(frozen=True)
class Simulated:
    """Results on one kind of simulated stream.

    `detections` is keyed by disturbance, window size and method; `by_amount` by disturbance and
    its amount; `high_scores` and `events_per_second` by window size.
    """

    rhythm: bool
    undisturbed: list[Undisturbed]
    detections: Mapping[tuple[str, int, str], Detection]
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
    return _ENVIRONMENT.get_template("drift-measurements.md.j2").render(
        simulated=simulated,
        rises=[*(("simulated", rise) for rise in rises), ("creditcard.csv", real.rises)],
        real=real,
        paces=paces,
        promised=promised,
    )


def describe_false_alarms(undisturbed: Iterable[Undisturbed]) -> str:
    """Say at which sizes the monitor's own method, or its upper bound, reaches the limit."""
    parts = []
    above = []
    for watch in undisturbed:
        alarms = watch.alarms["rolling"]
        limit = _PROMISED * watch.windows
        bound = compute_upper_bound(alarms, watch.windows)
        if alarms >= limit:
            relation = "at" if alarms == limit else "over"
            count = f"{alarms:,} of {watch.windows:,}"
            parts.append(f"Windows of {watch.size:,} are {relation} the limit: {count}.")
        if bound > _PROMISED:
            above.append(f"{watch.size:,} ({100 * bound:.2f}%)")
    parts = parts or ["False alarms are under the limit at every size."]
    if above:
        parts.append(f"The upper bound is over it for windows of {', '.join(above)}.")
    else:
        parts.append("So is the upper bound.")
    return " ".join(parts)


def render_bounds() -> str:
    """Render the maximum power of a test on high scores, which needs no measurement."""
    return _ENVIRONMENT.get_template("bounds.md.j2").render()


def _count_columns(stream: Simulated) -> str:
    columns = sum((Counter(watch.columns) for watch in stream.undisturbed), Counter[str]())
    return _format_counts(columns)


def _count_drifted(real: Real) -> str:
    verdicts = chain.from_iterable(real.windows.values())
    return _format_counts(
        Counter(name for verdict in verdicts for name, ratio in verdict.ranking if ratio >= 1)
    )


def _compute_median_distance(verdicts: Iterable[Verdict]) -> float:
    """Return the median of the largest distance to the reference."""
    return float(np.median([max(verdict.from_reference.values()) for verdict in verdicts]))


def _group_by_limit(
    features: Mapping[str, Mapping[float, Detection]], limits: Mapping[str, float]
) -> list[tuple[str, Mapping[float, Detection]]]:
    return sorted(features.items(), key=lambda item: limits[item[0]])


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


_ENVIRONMENT = make_environment("benchmarks.drift")
_ENVIRONMENT.filters["number"] = format
_ENVIRONMENT.globals |= {
    "head": HEAD,
    "METHODS": METHODS,
    "columns": len(INPUTS) + 1,  # and the margin
    "limit": _PROMISED,
    "levels": (_PROMISED, 1 / WINDOWS_A_FALSE_ALARM),
    "review_share": REVIEW_SHARE,
    "shares": (REVIEW_SHARE, _FRAUD_SHARE),
    "target_per_second": _TARGET_PER_SECOND,
    "target_mib": _TARGET_MIB,
    "upper_bound": compute_upper_bound,
    "tail_power": compute_tail_power,
    "count_columns": _count_columns,
    "describe_false_alarms": describe_false_alarms,
    "count_drifted": _count_drifted,
    "median_distance": _compute_median_distance,
    "by_limit": _group_by_limit,
    "describe_pace": describe_pace,
}
