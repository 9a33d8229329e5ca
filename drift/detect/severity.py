"""How bad it is, steadily: ok, warn or alarm, from one window's verdict to the next.

Up: warn with the first window that drifted, alarm with the second in a row; so alarm comes one window after drift was found. Down: one
level after three windows in a row without drift; so from alarm to ok it takes six. Windows without a verdict change nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

LEVELS = ("ok", "warn", "alarm")
ALARM_AFTER = 2
DOWN_AFTER = 3


@dataclass(frozen=True)
class Severity:
    """The level, an index of LEVELS, and how many windows in a row had drift or had none."""

    level: int = 0
    drifted: int = 0
    calm: int = 0

    @property
    def name(self) -> str:
        """One of LEVELS."""
        return LEVELS[self.level]

    def after(self, detected: bool | None) -> "Severity":
        """The severity once another window is closed."""
        if detected is None:
            return self
        if detected:
            drifted = self.drifted + 1
            return Severity(2 if drifted >= ALARM_AFTER else max(self.level, 1), drifted)
        if self.calm + 1 < DOWN_AFTER:
            return Severity(self.level, 0, self.calm + 1)
        return Severity(max(self.level - 1, 0))


def resumed(windows: Iterable[tuple[bool | None, str | None]]) -> Severity:
    """After windows whose verdict and severity are known, the first of which need not be the first of all: ten with a verdict do.

    The level is what the last one says. Whatever was before, one that drifted, or six in a row that did not, leave no doubt of the rest.
    """
    severity = Severity()
    for detected, name in windows:
        severity = severity.after(detected)
        if name is not None:
            severity = replace(severity, level=LEVELS.index(name))
    return severity
