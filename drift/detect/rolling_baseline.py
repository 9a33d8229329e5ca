"""The last windows of the stream, with which the next one is compared."""

from collections import deque

import numpy as np

from drift.detect.calibration import BASELINE_ROWS
from drift.detect.wasserstein import sample_evenly
from payments.arrays import Floats

WINDOWS = 10


class _WindowSample:
    """At most BASELINE_ROWS rows of a window, and all of its margins."""

    def __init__(self, rows: Floats) -> None:
        self._rows = sample_evenly(rows, BASELINE_ROWS)
        self._sample = np.empty((rows.shape[1], 0))
        self.margins = rows[:, -1].copy()

    def sample(self, max_rows: int) -> Floats:
        """Return float64[columns, at most `max_rows`].

        Cached, because windows of one size ask for the same number each time.
        """
        if self._sample.shape[1] != min(max_rows, len(self._rows)):
            self._sample = np.array(sample_evenly(self._rows, max_rows).T, order="C")
        return self._sample


class RollingBaseline:
    """Keep the last WINDOWS windows.

    The state depends on these windows alone, so that adding the same windows again gives the same
    baseline.
    """

    def __init__(self) -> None:
        self._windows: deque[_WindowSample] = deque(maxlen=WINDOWS)

    def __len__(self) -> int:
        return len(self._windows)

    def add(self, rows: Floats) -> None:
        """Add all rows of a closed window in time order, float64[events, columns]."""
        self._windows.append(_WindowSample(rows))

    @property
    def span(self) -> int:
        """Return the number of events in the windows."""
        return sum(len(window.margins) for window in self._windows)

    @property
    def margins(self) -> Floats:
        """Return the margins of all events, float64[span]."""
        return np.concatenate([window.margins for window in self._windows])

    @property
    def samples(self) -> tuple[Floats, ...]:
        """Return a sample of each window, float64[columns, rows], in proportion to its events.

        About BASELINE_ROWS rows in all.
        """
        span = self.span
        return tuple(
            window.sample(round(BASELINE_ROWS * len(window.margins) / span))
            for window in self._windows
        )
