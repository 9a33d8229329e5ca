"""Load a model's reference and profile in a child process.

Pandas, pyarrow and XGBoost would keep about 200 MB.
"""

import multiprocessing
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from drift.detect.reference import ModelReference, from_rows, read_rows
from drift.detect.reference_profile import ReferenceProfile, measure
from drift.errors import NoReferenceError
from drift.reports.process import hold_ctrl_c
from payments.arrays import Floats
from payments.schema.reading import Schema

_Loaded = tuple[str, Floats, ReferenceProfile]


def load(directory: Path, schema: Schema) -> tuple[ModelReference, ReferenceProfile]:
    """Return a model's reference and profile.

    Raises NoReferenceError, model.errors.ArtefactError.
    """
    context = multiprocessing.get_context("spawn")
    pipe, child_pipe = context.Pipe(duplex=False)
    process = context.Process(
        target=_send, args=(child_pipe, directory, schema), name="drift-loading", daemon=True
    )
    with hold_ctrl_c():
        process.start()
    child_pipe.close()
    try:
        loaded: _Loaded | Exception = pipe.recv()
    except EOFError:
        process.join()
        raise NoReferenceError(
            f"{directory} could not be loaded: the loading process died "
            f"(exit code {process.exitcode})"
        ) from None
    process.join()
    if isinstance(loaded, Exception):
        raise loaded
    version, rows, profile = loaded
    return from_rows(directory, version, rows), profile


def _send(pipe: Pipe, directory: Path, schema: Schema) -> None:
    try:
        pipe.send(_load(directory, schema))
    except Exception as error:
        pipe.send(error)


def _load(directory: Path, schema: Schema) -> _Loaded:
    from model.artefact import Model

    model = Model.load(directory, schema)
    version, rows = read_rows(directory)
    return version, rows, measure(model)
