"""The process that writes reports, one at a time, beside the monitor.

It runs when no other wants to, and it ends with the monitor however that ends: it reads tasks from a pipe whose other end is
then closed. Nobody waits for it.
"""

import multiprocessing
import os
import signal
import warnings
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection as Pipe
from typing import Protocol

from drift.errors import ReportError, ReportProcessError
from drift.reports import index
from drift.reports.evidently_report import Task, write
from drift.reports.index import Shelf

_NICENESS = 10  # where there is no idle class


def _yield_the_cpu() -> None:
    """Reports may wait, scoring may not: this process runs when no other wants to.

    Niceness alone is not enough on few cores: at 2,000 transactions a second beside it, the median latency was above 150 ms, for each
    commit takes some ten hand-overs between processes, and each waited for a time slice.
    """
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(_NICENESS)


@contextmanager
def ctrl_c_held() -> Iterator[None]:
    """What is started meanwhile never sees Ctrl-C, not even amid its imports; here it is answered afterwards."""
    resource_tracker.ensure_running()  # else the first process to be started starts it, which lets Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Writer(Protocol):
    """ReportProcess, or a test's."""

    def write(self, task: Task | None, shelf: Shelf) -> Future[None]: ...  # noqa: D102


class ReportProcess:
    """Writes reports, each in its turn."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs,), name="drift-report", daemon=True
        )
        with ctrl_c_held():  # it reaches the whole terminal; the monitor decides when this ends
            self._process.start()
        theirs.close()
        # a task fills the pipe many times over: sending it waits for a process that may not run for a while
        self._thread = ThreadPoolExecutor(1, "drift-report")

    def write(self, task: Task | None, shelf: Shelf) -> Future[None]:
        """Has the report written, if there is one, and then the index of its folder. Returns at once.

        The future raises ReportError (this one failed) or ReportProcessError (so will all others).
        """
        return self._thread.submit(self._exchange, task, shelf)

    def close(self) -> None:
        """Ends the process, whatever it is at."""
        self._process.terminate()
        self._process.join()
        self._thread.shutdown(cancel_futures=True)
        self._pipe.close()

    def _exchange(self, task: Task | None, shelf: Shelf) -> None:
        try:
            self._pipe.send((task, shelf))
            complaint: str | None = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            raise ReportProcessError(
                f"the process that writes reports died (exit code {self._process.exitcode})"
            ) from None
        if complaint is not None:
            raise ReportError(complaint)


def _serve(pipe: Pipe) -> None:
    _yield_the_cpu()
    os.environ["DO_NOT_TRACK"] = "1"
    warnings.simplefilter(
        "ignore"
    )  # numpy's and Evidently's remarks about constant columns are nobody's business here
    try:
        while True:
            task, shelf = pipe.recv()
            pipe.send(_complaint(task, shelf))
    except (EOFError, OSError):
        return  # the monitor is gone


def _complaint(task: Task | None, shelf: Shelf) -> str | None:
    """Writes it; what went wrong, if something did."""
    try:
        if task:
            write(task)
        index.tidy(shelf)
    except Exception as error:
        return f"{task.path if task else shelf.folder} could not be written: {type(error).__name__}: {error}"
    return None
