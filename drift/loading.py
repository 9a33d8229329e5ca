"""A model's reference and what is usual for it, read by a process that ends: pandas, pyarrow and XGBoost would keep some 200 MB."""

import multiprocessing
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from drift.detect.decision import Usual
from drift.detect.reference import ModelReference, known, read
from drift.errors import NoReferenceError
from drift.reports.process import ctrl_c_held
from drift.windows.window import Floats

_Read = tuple[str, Floats, Usual]


def load(directory: Path) -> tuple[ModelReference, Usual]:
    """Raises NoReferenceError, model.errors.ArtefactError."""
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe(duplex=False)
    process = context.Process(
        target=_answer, args=(theirs, directory), name="drift-loading", daemon=True
    )
    with ctrl_c_held():
        process.start()
    theirs.close()
    try:
        found: _Read | Exception = pipe.recv()
    except EOFError:
        process.join()
        raise NoReferenceError(
            f"{directory} was not read: the process that reads it died (exit code {process.exitcode})"
        ) from None
    process.join()
    if isinstance(found, Exception):
        raise found
    version, rows, usual = found
    return known(directory, version, rows), usual


def _answer(pipe: Pipe, directory: Path) -> None:
    try:
        pipe.send(_read(directory))
    except Exception as error:
        pipe.send(error)


def _read(directory: Path) -> _Read:
    from drift.detect.reference_profile import usual
    from model.artefact import Model

    return *read(directory), usual(Model.load(directory))
