"""The child process that writes reports, one at a time.

It uses only idle CPU time. It reads requests from a pipe and exits when the monitor's end of the
pipe closes, however the monitor ends.
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
from multiprocessing.connection import wait
from typing import Protocol

from drift.errors import ReportError, ReportProcessError
from drift.reports import index
from drift.reports.evidently_report import ReportRequest, write_report
from drift.reports.index import ReportFolder

_NICENESS = 10  # on systems without SCHED_IDLE


def _use_idle_cpu_only() -> None:
    """Run only when no other process wants the CPU: reports may wait, scoring may not.

    Niceness is not enough on few cores: with it, the median latency at 2,000 transactions a second
    was above 150 ms, because each commit takes about ten switches between processes, and each
    waited for a time slice.
    """
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(_NICENESS)


@contextmanager
def hold_ctrl_c() -> Iterator[None]:
    """Block SIGINT in processes started inside the block, even during their imports.

    In this process, delay it until the end.
    """
    resource_tracker.ensure_running()  # the first process would start it, and that unblocks SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class ReportWriter(Protocol):
    """Implemented by ReportProcess and by test doubles."""

    def write(self, request: ReportRequest | None, folder: ReportFolder) -> Future[None]:
        """See ReportProcess.write."""

    def check(self) -> None:
        """See ReportProcess.check."""


class ReportProcess:
    """Write reports in a child process, in order."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, child_pipe = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(child_pipe,), name="drift-report", daemon=True
        )
        with hold_ctrl_c():  # Ctrl-C reaches the whole terminal; the monitor ends this process
            self._process.start()
        child_pipe.close()
        # A request is many times larger than the pipe's buffer, and sending it blocks until the
        # idle process reads it.
        self._thread = ThreadPoolExecutor(1, "drift-report")

    def write(self, request: ReportRequest | None, folder: ReportFolder) -> Future[None]:
        """Queue a report, if any, and the update of the folder and its index; return at once.

        The future raises ReportError if this request failed, ReportProcessError if all later ones
        will fail too.
        """
        return self._thread.submit(self._exchange, request, folder)

    def check(self) -> None:
        """Raise ReportProcessError if the process is dead, although it has nothing to write."""
        if wait([self._process.sentinel], 0):
            raise self._died()

    def _died(self) -> ReportProcessError:
        self._process.join()
        return ReportProcessError(
            f"the process that writes reports died (exit code {self._process.exitcode})"
        )

    def close(self) -> None:
        """Terminate the process, even while it writes."""
        self._process.terminate()
        self._process.join()
        self._thread.shutdown(cancel_futures=True)
        self._pipe.close()

    def _exchange(self, request: ReportRequest | None, folder: ReportFolder) -> None:
        try:
            self._pipe.send((request, folder))
            error: str | None = self._pipe.recv()
        except (EOFError, OSError):
            raise self._died() from None
        if error is not None:
            raise ReportError(error)


def _serve(pipe: Pipe) -> None:
    _use_idle_cpu_only()
    os.environ["DO_NOT_TRACK"] = "1"
    warnings.simplefilter("ignore")  # of numpy and Evidently, about constant columns
    try:
        while True:
            request, folder = pipe.recv()
            pipe.send(_write(request, folder))
    except (EOFError, OSError):
        return  # the monitor has ended


def _write(request: ReportRequest | None, folder: ReportFolder) -> str | None:
    """Write the report, if any, and update the folder; return an error message or None."""
    try:
        if request:
            write_report(request)
        index.update_folder(folder)
    except Exception as error:
        path = request.path if request else folder.path
        return f"{path} could not be written: {type(error).__name__}: {error}"
    return None
