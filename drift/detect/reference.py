"""Load a model's reference rows, with which a window is compared if no window came before it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from drift.detect.columns import MARGIN, Columns
from drift.detect.detector import DriftDetector
from drift.errors import NoReferenceError
from payments.arrays import Floats
from payments.features import Categories, FeatureEncoder
from payments.schema.reading import Schema

# Enough for three blocks with a usable distribution; a real reference has tens of thousands of
# rows.
MIN_ROWS = 100


@dataclass(frozen=True)
class ModelReference:
    """A model's version and encoder, and the drift detector built from its reference rows."""

    version: str
    encoder: FeatureEncoder
    detector: DriftDetector


class ReferenceRows(NamedTuple):
    """What a model directory says: `rows` is float64[n, columns]."""

    version: str
    categories: Categories
    rows: Floats


def load(directory: Path, schema: Schema) -> ModelReference:
    """Load `manifest.json` and `reference.parquet` from a model directory.

    Raises NoReferenceError.
    """
    return from_rows(directory, schema, read_rows(directory, schema))


def read_rows(directory: Path, schema: Schema) -> ReferenceRows:
    """Return the reference rows of a model directory. Raises NoReferenceError."""
    import pandas as pd  # 60 MB, which the monitor's own process does without

    try:
        manifest = json.loads((directory / "manifest.json").read_text())
        version = str(manifest["version"])
        categories = {
            name: tuple(values) for name, values in manifest.get("categories", {}).items()
        }
        table = pd.read_parquet(
            directory / "reference.parquet",
            columns=[*(feature.name for feature in schema.features), MARGIN],
        )
        read = table.to_numpy(np.float64)
    except (OSError, ValueError, KeyError) as error:
        raise NoReferenceError(
            f"{directory} has no usable reference ({error}): run `fraud train`, "
            "or choose a model with --model"
        ) from None
    columns = Columns(FeatureEncoder(schema, categories))
    return ReferenceRows(version, categories, columns.make_rows(read[:, :-1], read[:, -1]))


def from_rows(directory: Path, schema: Schema, found: ReferenceRows) -> ModelReference:
    """Return the reference for rows that were read from a model directory.

    Raises NoReferenceError.
    """
    encoder = FeatureEncoder(schema, found.categories)
    path = directory / "reference.parquet"
    detector = build_detector(found.rows, Columns(encoder), path, "run `fraud train` again")
    return ModelReference(found.version, encoder, detector)


def build_detector(rows: Floats, columns: Columns, path: Path, advice: str) -> DriftDetector:
    """Return the detector for rows, float64[n, columns], that were read from `path`.

    Raises NoReferenceError, with `advice` at the end of its text, if there are too few rows or some
    are not finite, unless they are missing values of an optional column.
    """
    usable = np.isfinite(rows) | (np.isnan(rows) & columns.are_optional)
    if len(rows) < MIN_ROWS or not usable.all():
        raise NoReferenceError(f"{path} must have at least {MIN_ROWS} rows, all finite: {advice}")
    return DriftDetector(rows, columns)
