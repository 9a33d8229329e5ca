"""What an artefact says about itself: `manifest.json`."""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from payments.contract import Thresholds

FORMAT_VERSION = 3
_VERSION_DIGITS = 12


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)  # JSON has neither


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
    """margin = scale x what the trees gave when fitted + offset. model.ubj has this in its leaves and its base score already."""

    scale: float = 1.0
    offset: float = 0.0


class Fold(_Part):
    """What the same parameters did one step forward in time: fitted on some rows, judged on those that follow."""

    fitted: Rows
    judged: Rows
    average_precision: float


class Capacity(_Part):
    """As many alerts as people can look at."""

    alerts_per_day: float = Field(gt=0)


class Precision(_Part):
    """The share of frauds among what is flagged is at least `precision`, with this one-sided confidence."""

    precision: float = Field(gt=0, lt=1)
    confidence: float = Field(default=0.9, gt=0, lt=1)


class Limits(_Part):
    """Thresholds by what people can look at, and by how sure one must be to stop a payment unseen."""

    review: Capacity
    block: Precision


class Costs(_Part):
    """Thresholds by what a review costs, and what stopping a legitimate payment does; in the currency of Amount."""

    cost_review: float = Field(ge=0)
    cost_block: float = Field(ge=0)


Policy = Limits | Costs


class Manifest(_Part):
    """Everything about a model but its trees and its reference rows.

    `usual` holds the 1st and 99th percentile of each feature among the legitimate fitted rows, `hashes` the SHA-256 of each file,
    `policy` how the thresholds were chosen on the out-of-fold rows.
    """

    format_version: int = FORMAT_VERSION
    features: tuple[str, ...]
    thresholds: Thresholds
    policy: Policy
    calibration: Calibration
    usual: dict[str, tuple[float, float]]
    hashes: dict[str, str]
    fitted_on: FittedRows
    out_of_fold: Rows
    folds: tuple[Fold, ...]
    test: Rows
    parameters: dict[str, float | int | str]
    trees: int


def version_of(content: dict[str, Any]) -> str:
    """The version of an artefact: a hash of its manifest, which in turn holds the hashes of the files. `version` itself is left out."""
    rest = {name: value for name, value in content.items() if name != "version"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256(canonical.encode())[:_VERSION_DIGITS]


def sha256(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal digits. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
