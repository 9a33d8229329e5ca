"""Reads the reference that a model's artefact carries."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from drift.errors import NoReferenceError
from drift.statistics import COLUMNS, Reference

# Enough for three blocks with a distribution worth the name; a real reference has tens of thousands.
MIN_ROWS = 100


@dataclass(frozen=True)
class ModelReference:
    """A model's version and the rows that its scores and inputs are compared with."""

    version: str
    reference: Reference


def load(directory: Path) -> ModelReference:
    """From `manifest.json` and `reference.parquet` in a model directory. Raises NoReferenceError."""
    try:
        version = str(json.loads((directory / "manifest.json").read_text())["version"])
        rows = pd.read_parquet(directory / "reference.parquet", columns=list(COLUMNS)).to_numpy(np.float64)
    except (OSError, ValueError, KeyError) as error:
        raise NoReferenceError(f"{directory} holds no usable reference ({error}): run `fraud train`, or name a model by --model") from None
    if len(rows) < MIN_ROWS or not np.isfinite(rows).all():
        raise NoReferenceError(f"{directory}/reference.parquet must hold {MIN_ROWS} rows or more, all finite: run `fraud train` again")
    return ModelReference(version, Reference(rows))
