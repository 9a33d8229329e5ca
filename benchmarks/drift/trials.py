"""The trials: false alarms on undisturbed streams, delay on disturbed ones, and what the same verdict says on the real file."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, poisson

from benchmarks.drift.streams import Floats, disturbed, more_high_scores
from drift.detect.detector import Reference, Verdict
from drift.labels.quality import POOLED, Outcomes, Quality, frauds_rose
from drift.windows.rolling_baseline import WINDOWS, Trailing
from model.artefact import Model
from payments.contract import INPUTS
from producer.simulation import Disturbance

# What Evidently does where nobody tells it otherwise (evidently 0.7.23, DataDriftPreset): 0.1 standard deviations in half of the columns.
_USUAL_THRESHOLD, _USUAL_SHARE = 0.1, 0.5

_TAIL = "tail of the margin"
METHODS: dict[str, str] = {
    "trailing": "the windows before",
    "reference": "the model's reference",
    "usual": "Evidently's defaults, beside the windows before",
}


def judged(
    known: Reference, rows: Floats, before: Trailing, methods: Collection[str] = METHODS
) -> dict[str, tuple[bool, str]]:
    """By method: whether a window is drift, and which column is farthest; where the tail alone is drift, that is no column."""
    beside = _verdict(known, rows, before)
    usual = (
        np.mean([distance >= _USUAL_THRESHOLD for distance in beside.distances.values()])
        >= _USUAL_SHARE
    )
    found = {
        "trailing": (beside.detected, _first(beside)),
        "usual": (bool(usual), max(beside.distances, key=beside.distances.__getitem__)),
    }
    if "reference" in methods:
        alone = _verdict(known, rows, None)
        found["reference"] = (alone.detected, _first(alone))
    return {method: found[method] for method in methods}


def _verdict(known: Reference, rows: Floats, before: Trailing | None) -> Verdict:
    verdict = known.judge(rows, before)
    if verdict is None:
        raise ValueError(f"windows of {len(rows)} get no verdict")
    return verdict


def _first(verdict: Verdict) -> str:
    return verdict.ranked[0][0] if verdict.score or max(verdict.stuck.values()) >= 1 else _TAIL


def upper(alarms: int, windows: int) -> float:
    """The exact one-sided upper 95 % bound of a share (Clopper and Pearson, 1934)."""
    return 1.0 if alarms >= windows else float(beta.ppf(0.95, alarms + 1, windows - alarms))


@dataclass
class Undisturbed:
    """Windows of one size, one after the other, by each method; the first ten of a stream fill the trailing baseline."""

    known: Reference
    size: int
    most: int
    windows: int = 0
    alarms: dict[str, int] = field(default_factory=lambda: dict.fromkeys(METHODS, 0))
    columns: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rows: list[Floats] = []
        self._trailing = Trailing()

    def feed(self, rows: Floats) -> None:
        """Takes the rows that come next."""
        if self.windows >= self.most:  # kept, 31 million rows would be 7 GB
            return
        self._rows.append(rows)
        if sum(map(len, self._rows)) < self.size:
            return
        waiting = np.concatenate(self._rows)
        whole = len(waiting) // self.size * self.size
        for start in range(0, whole, self.size):
            if self.windows < self.most:
                self._window(waiting[start : start + self.size])
        self._rows = [waiting[whole:]]

    def _window(self, rows: Floats) -> None:
        if len(self._trailing) == WINDOWS:
            self.windows += 1
            for method, (detected, column) in judged(self.known, rows, self._trailing).items():
                self.alarms[method] += detected
                if detected and method == "trailing":
                    self.columns[column] = self.columns.get(column, 0) + 1
        self._trailing.add(rows)


@dataclass(frozen=True)
class Found:
    """Of `runs`: in how many the first disturbed window, or one of the first two, was drift, and how often the feature came first then."""

    runs: int
    at_once: int
    within_two: int
    right: int


@dataclass(frozen=True)
class Bench:
    """A stream's rows, float64[n, columns of drift.detect.detector.COLUMNS], undisturbed, and what its windows are judged by."""

    model: Model
    known: Reference
    rows: Floats


def found(
    bench: Bench,
    size: int,
    kind: str,
    amount: float,
    features: Sequence[str],
    methods: Collection[str] = METHODS,
) -> dict[str, Found]:
    """By method; a run for each of `features`: ten undisturbed windows from a place of its own, then two in which it is disturbed."""
    random = np.random.default_rng(5)
    at_once, within_two, right = (dict.fromkeys(methods, 0) for _ in range(3))
    for feature in features:
        start = int(random.integers(len(bench.rows) - (WINDOWS + 2) * size))
        before = _filled(bench.rows[start : start + WINDOWS * size], size)
        disturbance = Disturbance(kind, 0, size=amount, feature=feature)
        already = set[str]()
        for window in range(2):
            first = start + (WINDOWS + window) * size
            current = disturbed(bench.model, bench.rows[first : first + size], disturbance, random)
            verdicts = judged(bench.known, current, before, methods)
            before.add(current)
            for method in [
                method
                for method, (detected, _) in verdicts.items()
                if detected and method not in already
            ]:
                already.add(method)
                at_once[method] += window == 0
                within_two[method] += 1
                right[method] += verdicts[method][1] == feature
    return {
        method: Found(len(features), at_once[method], within_two[method], right[method])
        for method in methods
    }


def _filled(rows: Floats, size: int) -> Trailing:
    filled = Trailing()
    for start in range(0, len(rows), size):
        filled.add(rows[start : start + size])
    return filled


def found_high_scores(bench: Bench, size: int, share: float, runs: int) -> int:
    """In how many runs one of two windows is drift where scores in the highest `share` are three times as frequent."""
    random, hits = np.random.default_rng(6), 0
    pool = bench.rows[bench.rows[:, -1] >= np.quantile(bench.rows[:, -1], 1 - share)]
    for _ in range(runs):
        start = int(random.integers(len(bench.rows) - (WINDOWS + 2) * size))
        before = _filled(bench.rows[start : start + WINDOWS * size], size)
        for first in (start + WINDOWS * size, start + (WINDOWS + 1) * size):
            current = more_high_scores(bench.rows[first : first + size], pool, share, 3.0, random)
            verdict = bench.known.judge(current, before)
            before.add(current)
            if verdict is not None and verdict.detected:
                hits += 1
                break
    return hits


@dataclass(frozen=True)
class Rises:
    """Windows of `size`, all of whose payments are labelled: alarms among `windows` undisturbed ones, and in how many of `runs` one of the
    first two with five times as many frauds was one.
    """

    size: int
    windows: int
    alarms: int
    runs: int
    at_once: int
    within_two: int


def rises(truth: NDArray[np.bool_], size: int, runs: int, factor: float = 5.0) -> Rises:
    """`truth`: whether each payment of an undisturbed stream is fraud. In a run's last two windows others become frauds as well."""
    random, share = np.random.default_rng(8), float(truth.mean())
    counts = truth[: len(truth) // size * size].reshape(-1, size).sum(axis=1).astype(int)
    alarms = sum(_rose(counts[end - POOLED : end], size) for end in range(POOLED, len(counts) + 1))
    found = [0, 0]
    for _ in range(runs):
        start = int(random.integers(len(counts) - POOLED))
        seen = counts[start : start + POOLED].copy()
        seen[-2:] += random.binomial(size - seen[-2:], (factor - 1) * share)
        at_once = _rose(seen[:-1], size)
        found[0] += at_once
        found[1] += at_once or _rose(seen, size)
    return Rises(size, len(counts) - POOLED + 1, alarms, runs, *found)


def _rose(frauds: NDArray[np.int64], size: int) -> bool:
    return bool(
        frauds_rose(
            [Quality(approve=Outcomes(size, count, size - count)) for count in frauds.tolist()]
        )
    )


def turned(count: int) -> list[str]:
    """`count` features, each as often as the next."""
    return [INPUTS[i % len(INPUTS)] for i in range(count)]


def tail_power(share: float, factor: float, rows: int, level: float) -> float:
    """The most power that any test at `level` can have against a share `factor` times as large among `rows`, the share known.

    By Neyman and Pearson it is the one-sided test on the count; the counts are taken as Poisson.
    """
    least = int(poisson.isf(level, rows * share)) + 1
    return float(poisson.sf(least - 1, factor * rows * share))


def real_windows(known: Reference, rows: Floats, size: int) -> list[Verdict]:
    """The verdicts on consecutive windows, from the eleventh on."""
    before, verdicts = Trailing(), []
    for start in range(0, len(rows) - size + 1, size):
        verdict = (
            known.judge(rows[start : start + size], before) if len(before) == WINDOWS else None
        )
        if verdict is not None:
            verdicts.append(verdict)
        before.add(rows[start : start + size])
    return verdicts


def events_a_second(known: Reference, rows: Floats, size: int, seconds: float = 1.0) -> float:
    """Of CPU time, on one core: the verdict and the baseline's upkeep for each window; thresholds are there already."""
    before = _filled(rows[: WINDOWS * size], size)
    known.judge(rows[:size], before)
    windows, begin = 0, time.process_time()
    while time.process_time() - begin < seconds:
        known.judge(rows[:size], before)
        before.add(rows[:size])
        windows += 1
    return windows * size / (time.process_time() - begin)
