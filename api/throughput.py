"""Computes the console's rate, alert rate and latency over the last minutes.

A figure is None, not 0, if no worker answers or nothing was scored.
"""

import math
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass

HISTORY_S = 180
RATE_WINDOW_S = 5  # short enough to show a stall, long enough to smooth batches of 4,096
ALERT_WINDOW_S = 60  # only one or two in a thousand transactions raise an alert

Counts = Mapping[tuple[str, str], float]  # cumulative, by metric and the value of its one label
TRANSACTIONS = "fraud_transactions_total"
LATENCY = "fraud_end_to_end_seconds_bucket"
_DECISIONS = ("approve", "review", "block")


@dataclass(frozen=True)
class Point:
    """The figures at one second.

    rate: transactions a second. alert_rate: alerts per transaction. p50_ms, p99_ms: milliseconds
    from a record's timestamp to its committed prediction.
    """

    number: int
    at: float
    workers: int
    rate: float | None = None
    alert_rate: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None


class Throughput:
    """Derives points from the workers' counters. Workers may come, go and restart from 0."""

    def __init__(self) -> None:
        self._pages: dict[str, Counts] = {}
        self._totals: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._history: deque[tuple[float, Counts]] = deque(maxlen=ALERT_WINDOW_S + 1)
        self._points: deque[Point] = deque(maxlen=HISTORY_S)
        self._number = 0

    def observe(self, at: float, pages: Mapping[str, Counts]) -> None:
        """Add the workers' counts at `at`, in seconds. Without any page, reset the windows."""
        self._number += 1
        for page, counts in pages.items():
            before = self._pages.get(page, counts)  # a new page's counts are not growth
            for key, value in counts.items():
                self._totals[key] += _get_growth(before.get(key, 0.0), value)
            self._pages[page] = counts
        if not pages:
            self._history.clear()
            self._points.append(Point(self._number, at, workers=0))
            return
        self._history.append((at, dict(self._totals)))
        self._points.append(self._compute_point(at, len(pages)))

    def list_points(self, after: int = 0) -> list[Point]:
        """Return the points with a number above `after`, oldest first.

        Return all if `after` is from a previous process that had counted further.
        """
        return [
            point for point in list(self._points) if point.number > after or after > self._number
        ]

    def _compute_point(self, at: float, workers: int) -> Point:
        seconds, recent = self._get_growth_since(at - RATE_WINDOW_S)
        _, longer = self._get_growth_since(at - ALERT_WINDOW_S)
        scored = _count(longer, *_DECISIONS)
        processed = _count(recent, *_DECISIONS, "rejected")
        buckets = sorted(
            (float(bound), count) for (metric, bound), count in recent.items() if metric == LATENCY
        )
        return Point(
            number=self._number,
            at=at,
            workers=workers,
            rate=processed / seconds if seconds else None,
            alert_rate=_count(longer, "review", "block") / scored if scored else None,
            p50_ms=estimate_quantile_ms(0.5, buckets),
            p99_ms=estimate_quantile_ms(0.99, buckets),
        )

    def _get_growth_since(self, begin: float) -> tuple[float, Counts]:
        """Return the seconds and growth since the observation at `begin`, or the first one."""
        then, before = next(
            (entry for entry in reversed(self._history) if entry[0] <= begin), self._history[0]
        )
        now, totals = self._history[-1]
        return now - then, {key: value - before.get(key, 0.0) for key, value in totals.items()}


def _get_growth(before: float, now: float) -> float:
    """Return the growth of a counter. One that fell has restarted from 0."""
    return now - before if now >= before else now


def _count(counts: Counts, *outcomes: str) -> float:
    return sum(counts.get((TRANSACTIONS, outcome), 0.0) for outcome in outcomes)


def estimate_quantile_ms(share: float, buckets: list[tuple[float, float]]) -> float | None:
    """Return a quantile of cumulative (bound in s, count) buckets, as histogram_quantile does.

    Interpolates linearly within a bucket. Returns the last finite bound for the last bucket, and
    None for an empty histogram. Source: Prometheus, histogram_quantile of classic histograms.
    """
    if not buckets or not buckets[-1][1]:
        return None
    rank = share * buckets[-1][1]
    low = 0.0
    below = 0.0
    for bound, count in buckets:
        if count >= rank and count > below:
            if math.isinf(bound):
                return 1000 * low
            return 1000 * (low + (bound - low) * (rank - below) / (count - below))
        low = bound
        below = count
    return None
