"""Interrupt at once, except while a process is being started or ended."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Turn SIGINT, SIGTERM and SIGHUP into KeyboardInterrupt, but not inside `hold`."""

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
    def hold(self) -> Iterator[None]:
        """Delay signals until the block ends."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
        if self._pending and not self._depth:
            self._pending = False
            raise KeyboardInterrupt

    def wait(self) -> None:
        """Return when a signal arrives."""
        try:
            while True:
                signal.pause()
        except KeyboardInterrupt:
            return

    def ignore(self) -> None:
        """Ignore further signals, so that they cannot interrupt the cleanup."""
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
