"""Load a model's reference rows, with which a window is compared if no window came before it."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drift.detect.detector import COLUMNS, DriftDetector
from drift.errors import NoReferenceError
from payments.arrays import Floats

# Enough for three blocks with a usable distribution; a real reference has tens of thousands of
# rows.
MIN_ROWS = 100


@dataclass(frozen=True)
class ModelReference:
    """A model's version, and the drift detector built from its reference rows."""

    version: str
    detector: DriftDetector


def load(directory: Path) -> ModelReference:
    """Load `manifest.json` and `reference.parquet` from a model directory.

    Raises NoReferenceError.
    """
    return from_rows(directory, *read_rows(directory))


def read_rows(directory: Path) -> tuple[str, Floats]:
    """Return the version and the reference rows of a model directory. Raises NoReferenceError."""
    import pandas as pd  # 60 MB, which the monitor's own process does without

    try:
        version = str(json.loads((directory / "manifest.json").read_text())["version"])
        table = pd.read_parquet(directory / "reference.parquet", columns=list(COLUMNS))
        rows = table.to_numpy(np.float64)
    except (OSError, ValueError, KeyError) as error:
        raise NoReferenceError(
            f"{directory} has no usable reference ({error}): run `fraud train`, "
            "or choose a model with --model"
        ) from None
    return version, rows


def from_rows(directory: Path, version: str, rows: Floats) -> ModelReference:
    """Return the reference for rows that were read from a model directory.

    Raises NoReferenceError.
    """
    path = directory / "reference.parquet"
    return ModelReference(version, build_detector(rows, path, "run `fraud train` again"))


def build_detector(rows: Floats, path: Path, advice: str) -> DriftDetector:
    """Return the detector for rows that were read from `path`.

    Raises NoReferenceError, with `advice` at the end of its text, if there are too few rows or some
    are not finite.
    """
    if len(rows) < MIN_ROWS or not np.isfinite(rows).all():
        raise NoReferenceError(f"{path} must have at least {MIN_ROWS} rows, all finite: {advice}")
    return DriftDetector(rows)
