"""Load a model's reference and profile in a child process.

Pandas, pyarrow and XGBoost would keep about 200 MB.
"""

import multiprocessing
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from drift.detect.reference import ModelReference, ReferenceRows, from_rows, read_rows
from drift.detect.reference_profile import ReferenceProfile, measure
from drift.errors import NoReferenceError
from drift.reports.process import hold_ctrl_c
from payments.schema.reading import Schema

_Loaded = tuple[ReferenceRows, ReferenceProfile]


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
    found, profile = loaded
    return from_rows(directory, schema, found), profile


def _send(pipe: Pipe, directory: Path, schema: Schema) -> None:
    try:
        pipe.send(_load(directory, schema))
    except Exception as error:
        pipe.send(error)


def _load(directory: Path, schema: Schema) -> _Loaded:
    from model.artefact import Model

    model = Model.load(directory, schema)
    return read_rows(directory, schema), measure(model)
