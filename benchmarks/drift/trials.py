"""Trials: false alarms on undisturbed streams, detection on disturbed ones, and real rows."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import beta, poisson

from benchmarks.drift.streams import add_high_scores, disturb
from drift.detect.detector import DriftDetector, Verdict
from drift.detect.rolling_baseline import WINDOWS, RollingBaseline
from drift.quality import POOLED_WINDOWS, Outcomes, Quality, frauds_rose
from model.artefact import Model
from payments.arrays import Flags, Floats, Ints
from payments.contract import INPUTS
from producer.simulation import Disturbance

# Evidently's defaults (evidently 0.7.23, DataDriftPreset): 0.1 standard deviations in half of
# the columns.
_EVIDENTLY_THRESHOLD = 0.1
_EVIDENTLY_SHARE = 0.5

_TAIL = "tail of the margin"
METHODS: dict[str, str] = {
    "rolling": "previous windows",
    "reference": "the model's reference",
    "evidently": "previous windows, Evidently's defaults",
}


def judge_by_method(
    known: DriftDetector, rows: Floats, before: RollingBaseline, methods: Collection[str] = METHODS
) -> dict[str, tuple[bool, str]]:
    """Return, by method, whether a window drifts and which column is farthest.

    If only the tail drifts, its name takes the place of the column.
    """
    verdict = _judge(known, rows, before)
    over = [distance >= _EVIDENTLY_THRESHOLD for distance in verdict.distances.values()]
    farthest = max(verdict.distances, key=verdict.distances.__getitem__)
    judgements = {
        "rolling": (verdict.detected, _find_first_column(verdict)),
        "evidently": (bool(np.mean(over) >= _EVIDENTLY_SHARE), farthest),
    }
    if "reference" in methods:
        verdict = _judge(known, rows, None)
        judgements["reference"] = (verdict.detected, _find_first_column(verdict))
    return {method: judgements[method] for method in methods}


def _judge(known: DriftDetector, rows: Floats, before: RollingBaseline | None) -> Verdict:
    verdict = known.detect(rows, before)
    if verdict is None:
        raise ValueError(f"windows of {len(rows)} get no verdict")
    return verdict


def _find_first_column(verdict: Verdict) -> str:
    return (
        verdict.ranking[0][0]
        if verdict.score or max(verdict.constant_ratios.values()) >= 1
        else _TAIL
    )


def compute_upper_bound(alarms: int, windows: int) -> float:
    """Return the exact one-sided upper 95% bound of a share (Clopper and Pearson, 1934)."""
    return 1.0 if alarms >= windows else float(beta.ppf(0.95, alarms + 1, windows - alarms))


@dataclass
class Undisturbed:
    """Consecutive undisturbed windows of one size, judged by each method.

    The first ten windows of a stream fill the rolling baseline.
    """

    known: DriftDetector
    size: int
    most: int
    windows: int = 0
    alarms: dict[str, int] = field(default_factory=lambda: dict.fromkeys(METHODS, 0))
    columns: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rows: list[Floats] = []
        self._trailing = RollingBaseline()

    def feed(self, rows: Floats) -> None:
        """Judge the next rows of the stream, up to `most` windows."""
        if self.windows >= self.most:  # keeping all 31 million rows would take 7 GB
            return
        self._rows.append(rows)
        if sum(map(len, self._rows)) < self.size:
            return
        waiting = np.concatenate(self._rows)
        whole = len(waiting) // self.size * self.size
        for start in range(0, whole, self.size):
            if self.windows < self.most:
                self._judge_window(waiting[start : start + self.size])
        self._rows = [waiting[whole:]]

    def _judge_window(self, rows: Floats) -> None:
        if len(self._trailing) == WINDOWS:
            self.windows += 1
            judgements = judge_by_method(self.known, rows, self._trailing)
            for method, (detected, column) in judgements.items():
                self.alarms[method] += detected
                if detected and method == "rolling":
                    self.columns[column] = self.columns.get(column, 0) + 1
        self._trailing.add(rows)


@dataclass(frozen=True)
class Detection:
    """How many of `runs` were detected in the first disturbed window and within two windows.

    `right` is how often the disturbed feature came first in the runs detected within two.
    """

    runs: int
    at_once: int
    within_two: int
    right: int


@dataclass(frozen=True)
class Stream:
    """The undisturbed rows of a stream, and the model and reference that judge its windows.

    `rows` is float64[n, columns], with the columns of drift.detect.columns.Columns.
    """

    model: Model
    known: DriftDetector
    rows: Floats


def detect_disturbance(
    stream: Stream,
    size: int,
    kind: str,
    amount: float,
    features: Sequence[str],
    methods: Collection[str] = METHODS,
) -> dict[str, Detection]:
    """Return the detections by method, with one run for each of `features`.

    A run starts at a random row, with ten undisturbed windows followed by two disturbed ones.
    """
    random = np.random.default_rng(5)
    at_once, within_two, right = (dict.fromkeys(methods, 0) for _ in range(3))
    for feature in features:
        before, following = _draw_run(stream, size, random)
        disturbance = Disturbance(kind, 0, size=amount, feature=feature)
        detected_by = set[str]()
        for window, rows in enumerate(following):
            current = disturb(stream.model, rows, disturbance, random)
            verdicts = judge_by_method(stream.known, current, before, methods)
            before.add(current)
            for method, (detected, column) in verdicts.items():
                if not detected or method in detected_by:
                    continue
                detected_by.add(method)
                at_once[method] += window == 0
                within_two[method] += 1
                right[method] += column == feature
    return {
        method: Detection(len(features), at_once[method], within_two[method], right[method])
        for method in methods
    }


def _draw_run(
    stream: Stream, size: int, random: np.random.Generator
) -> tuple[RollingBaseline, list[Floats]]:
    """Return the baseline of a random run of windows, and the rows of the two after it."""
    start = int(random.integers(len(stream.rows) - (WINDOWS + 2) * size))
    end = start + WINDOWS * size
    following = [stream.rows[first : first + size] for first in (end, end + size)]
    return _fill_baseline(stream.rows[start:end], size), following


def _fill_baseline(rows: Floats, size: int) -> RollingBaseline:
    baseline = RollingBaseline()
    for start in range(0, len(rows), size):
        baseline.add(rows[start : start + size])
    return baseline


def detect_high_scores(stream: Stream, size: int, share: float, runs: int) -> int:
    """Count the runs in which one of two windows drifts when high scores are more frequent.

    Scores in the highest `share` are three times as frequent in these windows.
    """
    random = np.random.default_rng(6)
    hits = 0
    margins = stream.rows[:, -1]
    pool = stream.rows[margins >= np.quantile(margins, 1 - share)]
    for _ in range(runs):
        before, following = _draw_run(stream, size, random)
        for rows in following:
            current = add_high_scores(rows, pool, share, 3.0, random)
            verdict = stream.known.detect(current, before)
            before.add(current)
            if verdict is not None and verdict.detected:
                hits += 1
                break
    return hits


@dataclass(frozen=True)
class FraudRises:
    """Alarms about frauds in windows of `size`, with every payment labelled.

    `alarms` is counted among `windows` undisturbed ones. `at_once` and `within_two` count the
    `runs` with an alarm in the first window, or the first two, with five times as many frauds.
    """

    size: int
    windows: int
    alarms: int
    runs: int
    at_once: int
    within_two: int


def detect_fraud_rises(labels: Flags, size: int, runs: int) -> FraudRises:
    """Count alarms on an undisturbed stream, and with extra frauds in a run's last two windows.

    `labels` is bool[n]: whether each payment of the stream is fraud.
    """
    random = np.random.default_rng(8)
    share = float(labels.mean())
    counts = labels[: len(labels) // size * size].reshape(-1, size).sum(axis=1).astype(int)
    alarms = sum(
        _frauds_rose(counts[end - POOLED_WINDOWS : end], size)
        for end in range(POOLED_WINDOWS, len(counts) + 1)
    )
    at_once = 0
    within_two = 0
    for _ in range(runs):
        start = int(random.integers(len(counts) - POOLED_WINDOWS))
        seen = counts[start : start + POOLED_WINDOWS].copy()
        seen[-2:] += random.binomial(size - seen[-2:], 4 * share)  # five times as many
        in_first = _frauds_rose(seen[:-1], size)
        at_once += in_first
        within_two += in_first or _frauds_rose(seen, size)
    return FraudRises(size, len(counts) - POOLED_WINDOWS + 1, alarms, runs, at_once, within_two)


def _frauds_rose(frauds: Ints, size: int) -> bool:
    windows = [Quality(approve=Outcomes(size, count, size - count)) for count in frauds.tolist()]
    return bool(frauds_rose(windows))


def cycle_features(count: int) -> list[str]:
    """Return `count` features, each one equally often."""
    return [INPUTS[i % len(INPUTS)] for i in range(count)]


def compute_tail_power(share: float, factor: float, rows: int, level: float) -> float:
    """Return the maximum power of any test at `level` against `factor` times a known share.

    By Neyman and Pearson this is the one-sided test on the count among `rows`, taken as Poisson.
    """
    least = int(poisson.isf(level, rows * share)) + 1
    return float(poisson.sf(least - 1, factor * rows * share))


def judge_windows(known: DriftDetector, rows: Floats, size: int) -> list[Verdict]:
    """Return the verdicts on consecutive windows, starting with the eleventh."""
    before = RollingBaseline()
    verdicts = []
    for start in range(0, len(rows) - size + 1, size):
        window = rows[start : start + size]
        verdict = known.detect(window, before) if len(before) == WINDOWS else None
        if verdict is not None:
            verdicts.append(verdict)
        before.add(window)
    return verdicts


def measure_events_per_second(known: DriftDetector, rows: Floats, size: int) -> float:
    """Return the events per second of CPU time on one core, with thresholds computed already.

    Includes the verdict and the update of the baseline.
    """
    before = _fill_baseline(rows[: WINDOWS * size], size)
    known.detect(rows[:size], before)
    windows = 0
    begin = time.process_time()
    while time.process_time() - begin < 1.0:
        known.detect(rows[:size], before)
        before.add(rows[:size])
        windows += 1
    return windows * size / (time.process_time() - begin)
