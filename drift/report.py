"""Evidently's report on a window, written by a process of its own.

Evidently takes seconds to import and seconds a report. The process runs when no other wants to, and it ends with the
monitor however that ends: it reads requests from a pipe whose other end is then closed.
"""

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

from drift.errors import ReportError
from drift.statistics import COLUMNS, METHOD, Limits
from drift.windows import Floats
from streams.connection import Connection
from streams.topics import PREDICTIONS

_NICENESS = 10  # where there is no idle class
_STOP_CHECK_S = 0.1


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
def _ctrl_c_held() -> Iterator[None]:
    """What is started meanwhile never sees Ctrl-C, not even amid its imports; here it is answered afterwards."""
    resource_tracker.ensure_running()  # else the first process to be started starts it, which lets Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def folder(connection: Connection) -> str:
    """Where reports lie below FRAUD_HOME: each prefix of topics numbers its windows from 1, so each has a folder of its own."""
    return f"reports/{connection.named(PREDICTIONS)}" if connection.topic_prefix else "reports"


@dataclass(frozen=True)
class Findings:
    """Evidently's own numbers: `share` of drifted columns, and its drift value by column."""

    share: float
    values: dict[str, float]


@dataclass(frozen=True)
class _Request:
    path: Path
    rows: Floats
    limits: Limits


class ReportProcess:
    """Writes reports against `reference`, float64[rows, columns of drift.statistics.COLUMNS]. Starts at once, to import meanwhile."""

    def __init__(self, reference: Floats) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, reference), name="drift-report", daemon=True)
        with _ctrl_c_held():  # it reaches the whole terminal; the monitor decides when this ends
            self._process.start()
        theirs.close()

    def write(self, path: Path, rows: Floats, limits: Limits, stop: threading.Event) -> Findings | None:
        """The report on float64[n, columns] as HTML that needs no network; None when stopped before it was done. Raises ReportError."""
        try:
            self._pipe.send(_Request(path, rows, limits))
            while not self._pipe.poll(_STOP_CHECK_S):
                if stop.is_set():
                    return None
            answer = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            raise ReportError(f"the process that writes reports died (exit code {self._process.exitcode}) at {path}") from None
        if isinstance(answer, Findings):
            return answer
        raise ReportError(f"the report {path} could not be written: {answer}")

    def close(self) -> None:
        """Ends the process, whatever it is at."""
        self._process.terminate()
        self._process.join()
        self._pipe.close()


def _serve(pipe: Pipe, reference: Floats) -> None:
    _yield_the_cpu()
    os.environ["DO_NOT_TRACK"] = "1"
    warnings.simplefilter("ignore")  # numpy's and Evidently's remarks about constant columns are nobody's business here
    try:
        while True:
            pipe.send(_written(pipe.recv(), reference))
    except (EOFError, OSError):
        return  # the monitor is gone


def _written(request: _Request, reference: Floats) -> Findings | str:
    try:
        return _evidently(request, reference)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _evidently(request: _Request, reference: Floats) -> Findings:
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    names = list(COLUMNS)
    definition = DataDefinition(numerical_columns=names)
    current, known = (
        Dataset.from_pandas(pd.DataFrame(rows, columns=names), data_definition=definition) for rows in (request.rows, reference)
    )
    thresholds = dict(zip(names, request.limits.thresholds.tolist(), strict=True))
    preset = DataDriftPreset(columns=names, method=METHOD, per_column_threshold=thresholds, drift_share=request.limits.share)
    snapshot = Report([preset]).run(current, known)
    request.path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = request.path.with_suffix(".part")
    snapshot.save_html(str(unfinished))
    unfinished.replace(request.path)
    return _findings(snapshot)


def _findings(snapshot: Any) -> Findings:
    results = snapshot.metric_results.values()
    share = next(result.share.value for result in results if hasattr(result, "share"))
    values = {result.metric_value_location.metric.params["column"]: float(result.value) for result in results if hasattr(result, "value")}
    return Findings(float(share), values)
