"""The last windows of the stream: what the next one is compared with."""

from collections import deque

import numpy as np

from drift.calibration import BASELINE_ROWS
from drift.distance import evenly
from drift.windows import Floats

WINDOWS = 10


class Trailing:
    """Holds the last WINDOWS windows, a BASELINE_ROWS of each at most, and all their margins.

    Nothing is drawn and nothing depends on earlier ones: adding the same windows again gives the same baseline.
    """

    def __init__(self) -> None:
        self._rows: deque[Floats] = deque(maxlen=WINDOWS)
        self._margins: deque[Floats] = deque(maxlen=WINDOWS)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, rows: Floats) -> None:
        """A window is closed; `rows` are all of its rows, float64[events, columns of drift.statistics.COLUMNS], in order of time."""
        self._rows.append(evenly(rows, BASELINE_ROWS))
        self._margins.append(rows[:, -1].copy())

    @property
    def span(self) -> int:
        """How many events its windows had."""
        return sum(map(len, self._margins))

    @property
    def margins(self) -> Floats:
        """float64[span]."""
        return np.concatenate(self._margins)

    @property
    def rows(self) -> Floats:
        """float64[BASELINE_ROWS or fewer, columns]: as many of each window as its share of the events."""
        shares = [round(BASELINE_ROWS * len(margins) / self.span) for margins in self._margins]
        return np.concatenate([evenly(rows, share) for rows, share in zip(self._rows, shares, strict=True)])
