"""What windows are compared with where there are none before: the reference that a model's artefact carries, or other rows."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drift.detect.detector import COLUMNS, Reference
from drift.errors import NoReferenceError
from drift.windows.window import Floats

# Enough for three blocks with a distribution worth the name; a real reference has tens of thousands.
MIN_ROWS = 100


@dataclass(frozen=True)
class ModelReference:
    """A model's version and the rows that its scores and inputs are compared with."""

    version: str
    reference: Reference


def load(directory: Path) -> ModelReference:
    """From `manifest.json` and `reference.parquet` in a model directory. Raises NoReferenceError."""
    return known(directory, *read(directory))


def read(directory: Path) -> tuple[str, Floats]:
    """The version and the rows. Raises NoReferenceError."""
    import pandas as pd  # 60 MB that a process which is told of them does without

    try:
        version = str(json.loads((directory / "manifest.json").read_text())["version"])
        rows = pd.read_parquet(directory / "reference.parquet", columns=list(COLUMNS)).to_numpy(
            np.float64
        )
    except (OSError, ValueError, KeyError) as error:
        raise NoReferenceError(
            f"{directory} holds no usable reference ({error}): run `fraud train`, or name a model by --model"
        ) from None
    return version, rows


def known(directory: Path, version: str, rows: Floats) -> ModelReference:
    """Of what was read from a model directory. Raises NoReferenceError."""
    return ModelReference(
        version, of_rows(rows, directory / "reference.parquet", "run `fraud train` again")
    )


def of_rows(rows: Floats, path: Path, advice: str) -> Reference:
    """Of float64[rows, columns of drift.detect.detector.COLUMNS] that were read from `path`. Raises NoReferenceError, which ends on `advice`."""
    if len(rows) < MIN_ROWS or not np.isfinite(rows).all():
        raise NoReferenceError(f"{path} must hold {MIN_ROWS} rows or more, all finite: {advice}")
    return Reference(rows)
