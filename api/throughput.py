"""Rate, alert rate and latency over the last minutes, for the top of the console.

Where nobody tells, or nothing happened, a figure is None, never 0.
"""

import math
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass

HISTORY_S = 180
RATE_WINDOW_S = 5  # short enough to see a stall, long enough that a batch of 4,096 is no spike
ALERT_WINDOW_S = 60  # alerts are rare: one or two in a thousand

Counts = Mapping[tuple[str, str], float]  # cumulative, by metric and its one label's value
TRANSACTIONS, LATENCY = "fraud_transactions_total", "fraud_end_to_end_seconds_bucket"


@dataclass(frozen=True)
class Point:
    """One second: transactions a second, alerts per transaction, milliseconds from record to committed prediction."""

    number: int
    at: float
    workers: int
    rate: float | None = None
    alert_rate: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None


class Throughput:
    """Points from cumulative counts. Workers come, go and begin again from 0; the totals only grow."""

    def __init__(self) -> None:
        self._pages: dict[str, Counts] = {}
        self._totals: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._history: deque[tuple[float, Counts]] = deque(maxlen=ALERT_WINDOW_S + 1)
        self._points: deque[Point] = deque(maxlen=HISTORY_S)
        self._number = 0

    def observe(self, at: float, pages: Mapping[str, Counts]) -> None:
        """What the workers' pages said at `at`, in seconds; without any page the windows begin anew."""
        self._number += 1
        for page, counts in pages.items():
            before = self._pages.get(
                page, counts
            )  # what a page counted before it was first seen is no news
            for key, value in counts.items():
                self._totals[key] += _grown(before.get(key, 0.0), value)
            self._pages[page] = counts
        if not pages:
            self._history.clear()
            self._points.append(Point(self._number, at, workers=0))
            return
        self._history.append((at, dict(self._totals)))
        self._points.append(self._point(at, len(pages)))

    def points(self, after: int = 0) -> list[Point]:
        """Those with a number above `after`, oldest first; all of them for a number of another process, which was further on."""
        return [
            point for point in list(self._points) if point.number > after or after > self._number
        ]

    def _point(self, at: float, workers: int) -> Point:
        seconds, recent = self._since(at - RATE_WINDOW_S)
        _, longer = self._since(at - ALERT_WINDOW_S)
        scored = _outcomes(longer, "approve", "review", "block")
        buckets = sorted(
            (float(bound), count) for (metric, bound), count in recent.items() if metric == LATENCY
        )
        return Point(
            number=self._number,
            at=at,
            workers=workers,
            rate=_outcomes(recent, "approve", "review", "block", "rejected") / seconds
            if seconds
            else None,
            alert_rate=_outcomes(longer, "review", "block") / scored if scored else None,
            p50_ms=quantile_ms(0.5, buckets),
            p99_ms=quantile_ms(0.99, buckets),
        )

    def _since(self, begin: float) -> tuple[float, Counts]:
        """Seconds and growth since the last observation not after `begin`, or since the first one."""
        then, before = next(
            (entry for entry in reversed(self._history) if entry[0] <= begin), self._history[0]
        )
        now, totals = self._history[-1]
        return now - then, {key: value - before.get(key, 0.0) for key, value in totals.items()}


def _grown(before: float, now: float) -> float:
    """A counter that fell has begun again from 0."""
    return now - before if now >= before else now


def _outcomes(counts: Counts, *outcomes: str) -> float:
    return sum(counts.get((TRANSACTIONS, outcome), 0.0) for outcome in outcomes)


def quantile_ms(share: float, buckets: list[tuple[float, float]]) -> float | None:
    """A quantile of cumulative (bound in s, count), ascending, as Prometheus's histogram_quantile has it.

    Linear inside the bucket that holds it; the last finite bound for the last bucket; None for an empty histogram.
    """
    if not buckets or not buckets[-1][1]:
        return None
    wanted, low, below = share * buckets[-1][1], 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted and count > below:
            return 1000 * (
                low
                if math.isinf(bound)
                else low + (bound - low) * (wanted - below) / (count - below)
            )
        low, below = bound, count
    return None
