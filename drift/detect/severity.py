"""Severity with hysteresis: ok, warn or alarm, updated by each window's verdict.

Up: warn after one drifted window, alarm after two in a row. Down: one level after three windows in
a row without drift, so six from alarm to ok. Windows without a verdict change nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

LEVELS = ("ok", "warn", "alarm")
ALARM_AFTER = 2
DOWN_AFTER = 3


@dataclass(frozen=True)
class Severity:
    """The level, an index into LEVELS, and the current run of windows with and without drift."""

    level: int = 0
    drifted: int = 0
    calm: int = 0

    @property
    def name(self) -> str:
        """Return the level's name, one of LEVELS."""
        return LEVELS[self.level]

    def advance(self, detected: bool | None) -> "Severity":
        """Return the severity after one more window; `detected` is None if it has no verdict."""
        if detected is None:
            return self
        if detected:
            drifted = self.drifted + 1
            return Severity(2 if drifted >= ALARM_AFTER else max(self.level, 1), drifted)
        if self.calm + 1 < DOWN_AFTER:
            return Severity(self.level, 0, self.calm + 1)
        return Severity(max(self.level - 1, 0))


def replay_severity(windows: Iterable[tuple[bool | None, str | None]]) -> Severity:
    """Return the severity after the latest windows, given their verdicts and recorded severities.

    Ten windows with a verdict are enough: the last one records the level, and a drifted window, or
    six in a row without drift, determine the counts whatever came before.
    """
    severity = Severity()
    for detected, name in windows:
        severity = severity.advance(detected)
        if name is not None:
            severity = replace(severity, level=LEVELS.index(name))
    return severity
