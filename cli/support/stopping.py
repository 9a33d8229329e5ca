"""Stop on SIGTERM and Ctrl-C: set an event, and exit on time even if a call hangs."""

import os
import signal
import threading
from collections.abc import Callable

from cli.errors import DONE


def stop_on_signals(stop: threading.Event, react: Callable[[int], object]) -> None:
    """On SIGTERM and SIGINT set `stop`, then call `react` with the signal's number."""

    def handle(number: int, _: object) -> None:
        stop.set()
        react(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)


def exit_after(seconds: float, before: Callable[[], object] = lambda: None) -> None:
    """Call `before` and end the process, with exit code 0, unless it ends sooner."""

    def end() -> None:
        before()
        os._exit(DONE)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
