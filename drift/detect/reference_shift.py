"""Find lasting shifts against the model's reference.

After ten windows, the rolling baseline consists of shifted windows only, so the verdict on drift no
longer shows them. A shift here lasts for ten windows. It has a severity apart from that of drift,
because a real stream is never as still as a reference.

A column shifts if its distance from the reference reaches its limit. The margin also shifts if the
share of high scores changes, which moves no distance. Counts of high scores vary more than counts
of independent events, as alerts do (python -m benchmarks.operating_point), so no test for those is
used: each of the ten windows must have fewer than the reference, or each more, and all together a
fifth less or a quarter more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from drift.detect.rolling_baseline import WINDOWS
from drift.detect.severity import LEVELS

_LEAST_SHARE = 0.8
_MOST_SHARE = 1.25
_MARGIN = "margin"


class Comparison(NamedTuple):
    """A window compared with the model's reference.

    `beyond`: the columns whose distance reaches its limit. `high_scores`: the share of scores at or
    above the reference's 99th percentile, relative to the reference's; 1 is as many.
    """

    events: int
    beyond: tuple[str, ...]
    high_scores: float


@dataclass(frozen=True)
class ReferenceShift:
    """The last ten comparisons, and the columns that have shifted."""

    windows: tuple[Comparison, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def severity(self) -> str:
        """Return warn if only inputs have shifted, alarm if the scores have, else ok."""
        if not self.columns:
            return LEVELS[0]
        return LEVELS[2 if _MARGIN in self.columns else 1]

    def advance(self, window: Comparison | None) -> "ReferenceShift":
        """Return the state after one more window; `window` is None if it has no verdict.

        A shift begins with ten windows in a row. It ends when fewer than five of ten show it, and
        the level of high scores is back.
        """
        if window is None:
            return self
        windows = (*self.windows, window)[-WINDOWS:]
        names = {name for each in windows for name in each.beyond} | {_MARGIN}
        shifted = (name for name in names if _has_shifted(windows, name, name in self.columns))
        return ReferenceShift(windows, tuple(sorted(shifted)))


def _has_shifted(windows: Sequence[Comparison], column: str, before: bool) -> bool:
    count = sum(column in window.beyond for window in windows)
    if count >= (WINDOWS // 2 if before else WINDOWS):
        return True
    return column == _MARGIN and _has_level_shifted(windows, before)


def _has_level_shifted(windows: Sequence[Comparison], before: bool) -> bool:
    if len(windows) < WINDOWS:
        return False
    high = sum(window.events * window.high_scores for window in windows)
    share = high / sum(window.events for window in windows)
    if _LEAST_SHARE < share < _MOST_SHARE:
        return False
    sides = {window.high_scores > 1 for window in windows}
    return before or (len(sides) == 1 and all(window.high_scores != 1 for window in windows))
