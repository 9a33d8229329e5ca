"""What an artefact says about itself: `manifest.json`."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from model.contract import Thresholds

FORMAT_VERSION = 1
_VERSION_DIGITS = 12


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rows(_Part):
    """Rows of the dataset, 0-based; `last` is one of them."""

    first: int
    last: int
    rows: int


class FittedRows(Rows):
    """The rows that the booster has seen. Hashes: of the CSV's bytes, and `model.dataset.rows_sha256`."""

    dataset_sha256: str
    rows_sha256: str


class Calibration(_Part):
    """margin = scale x the booster's raw output + offset."""

    scale: float = 1.0
    offset: float = 0.0


class Manifest(_Part):
    """Everything about a model but its trees and its reference rows.

    `usual` holds the 1st and 99th percentile of each feature among the legitimate fitted rows, `hashes` the SHA-256 of each file.
    """

    format_version: int = FORMAT_VERSION
    features: tuple[str, ...]
    thresholds: Thresholds
    calibration: Calibration
    usual: dict[str, tuple[float, float]]
    hashes: dict[str, str]
    fitted_on: FittedRows
    held_back: Rows
    test: Rows
    parameters: dict[str, float | int | str]
    trees: int


def version_of(content: dict[str, Any]) -> str:
    """The version of an artefact: a hash of its manifest, which in turn holds the hashes of the files. `version` itself is left out."""
    rest = {name: value for name, value in content.items() if name != "version"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode())[:_VERSION_DIGITS]


def sha256(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
