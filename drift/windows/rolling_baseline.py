"""The last windows of the stream: what the next one is compared with."""

from collections import deque

import numpy as np

from drift.detect.calibration import BASELINE_ROWS
from drift.detect.wasserstein import evenly
from drift.windows.window import Floats

WINDOWS = 10


class _Held:
    """What is kept of a window: a BASELINE_ROWS of its rows at most, and all its margins."""

    def __init__(self, rows: Floats) -> None:
        self._rows = evenly(rows, BASELINE_ROWS)
        self._shown = np.empty((rows.shape[1], 0))
        self.margins = rows[:, -1].copy()

    def shown(self, most: int) -> Floats:
        """float64[columns, most or fewer]. Kept, for windows of one size show as many each time."""
        if self._shown.shape[1] != min(most, len(self._rows)):
            self._shown = np.array(evenly(self._rows, most).T, order="C")
        return self._shown


class Trailing:
    """Holds the last WINDOWS windows.

    Nothing is drawn and nothing depends on earlier ones: adding the same windows again gives the same baseline.
    """

    def __init__(self) -> None:
        self._windows: deque[_Held] = deque(maxlen=WINDOWS)

    def __len__(self) -> int:
        return len(self._windows)

    def add(self, rows: Floats) -> None:
        """A window is closed; `rows` are all of its rows, float64[events, columns of drift.detect.detector.COLUMNS], in order of time."""
        self._windows.append(_Held(rows))

    @property
    def span(self) -> int:
        """How many events its windows had."""
        return sum(len(window.margins) for window in self._windows)

    @property
    def margins(self) -> Floats:
        """float64[span]."""
        return np.concatenate([window.margins for window in self._windows])

    @property
    def shown(self) -> tuple[Floats, ...]:
        """Of each window as many rows as its share of the events, BASELINE_ROWS or fewer together: float64[columns, rows]."""
        span = self.span
        return tuple(
            window.shown(round(BASELINE_ROWS * len(window.margins) / span))
            for window in self._windows
        )
