"""Make calls that may never return, on a thread that does not keep the process alive."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue


class CallThread:
    """A daemon thread that makes one call after another.

    A ThreadPoolExecutor would not do: the interpreter waits for its threads when it exits.
    """

    def __init__(self, name: str) -> None:
        self._submitted: SimpleQueue[tuple[Callable[[], None], Future[None]]] = SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, call: Callable[[], None]) -> Future[None]:
        """Make the call after those submitted before it, and return its outcome."""
        done: Future[None] = Future()
        self._submitted.put((call, done))
        return done

    def _run(self) -> None:
        while True:
            call, done = self._submitted.get()
            try:
                done.set_result(call())
            except BaseException as error:  # the waiting thread raises it
                done.set_exception(error)
