"""Arrival times: a Poisson process whose rate follows the hour and surges."""

from collections.abc import Sequence

import numpy as np

from payments.arrays import Floats, Ints
from producer.simulation.disturbance import Disturbance

DAY_S = 86_400.0
HOUR_S = 3_600.0


class Arrivals:
    """Turn unit exponential gaps into seconds since the start.

    Count arrivals on the process's operational clock, whose rate is always 1: L. Devroye,
    "Non-Uniform Random Variate Generation", 1986, VI.1.3. `rate`: transactions an hour in each hour
    of a period that begins at the start, such as [24] from midnight.
    """

    def __init__(self, rate: Floats, disturbances: Sequence[Disturbance]) -> None:
        self._period_s = len(rate) * HOUR_S
        self._seconds = np.linspace(0.0, self._period_s, len(rate) + 1)
        self._counts = np.concatenate([[0.0], np.cumsum(rate)])
        surges = [disturbance for disturbance in disturbances if disturbance.kind == "surge"]
        self._by_row = [surge for surge in surges if not surge.by_time]
        self._by_time = [surge for surge in surges if surge.by_time]
        self._reached = 0.0
        self._warp()

    def place(self, rows: Ints, gaps: Floats) -> Floats:
        """Return the seconds of the next rows. `gaps`: standard exponential."""
        for surge in self._by_row:
            gaps = np.where(surge.find_active(rows, gaps), gaps / surge.size, gaps)
        reached = self._reached + np.cumsum(gaps)
        self._reached = float(reached[-1])
        return self._make_clock(self._remove_surges(reached))

    def _make_clock(self, counts: Floats) -> Floats:
        periods, rest = np.divmod(counts, self._counts[-1])
        seconds: Floats = periods * self._period_s + np.interp(rest, self._counts, self._seconds)
        return seconds

    def _count(self, seconds: float) -> float:
        periods, rest = divmod(seconds, self._period_s)
        return float(periods * self._counts[-1] + np.interp(rest, self._seconds, self._counts))

    def _warp(self) -> None:
        """Count transactions to each surge edge: without surges, and with them."""
        edges = {0.0} | {edge for surge in self._by_time for edge in (surge.begin, surge.end)}
        moments = np.array(sorted(edge for edge in edges if np.isfinite(edge)))
        self._factors = np.ones(len(moments))
        for surge in self._by_time:
            self._factors[(moments >= surge.begin) & (moments < surge.end)] *= surge.size
        self._plain = np.array([self._count(moment) for moment in moments])
        grown = np.cumsum(np.diff(self._plain) * self._factors[:-1])
        self._surged = np.concatenate([[0.0], grown])

    def _remove_surges(self, counts: Floats) -> Floats:
        segment = np.searchsorted(self._surged, counts, side="right") - 1
        plain: Floats = (
            self._plain[segment] + (counts - self._surged[segment]) / self._factors[segment]
        )
        return plain
