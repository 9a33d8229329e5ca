"""Ctrl-C at any moment: it is taken at once, except where a process is just being started or ended."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Turns the signals that end a program into KeyboardInterrupt, but never inside `held`."""

    def __init__(self) -> None:
        self._depth = 0
        self._pending = False
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._depth:
            self._pending = True
        else:
            raise KeyboardInterrupt

    @contextmanager
    def held(self) -> Iterator[None]:
        """A signal that comes meanwhile is taken at the end."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
        if self._pending and not self._depth:
            self._pending = False
            raise KeyboardInterrupt

    def wait(self) -> None:
        """Until one of the signals comes."""
        try:
            while True:
                signal.pause()
        except KeyboardInterrupt:
            return

    def ignore(self) -> None:
        """From now on, everything is being ended: another signal must not cut that short."""
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
