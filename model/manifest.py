"""The description of an artefact: `manifest.json`."""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from payments.contract import Thresholds

FORMAT_VERSION = 5
OLDEST_FORMAT = 3  # without `payments_per_day`, `cuts`, `patterns`, `schema` and `categories`
_VERSION_DIGITS = 12


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)  # not in JSON


Usual = tuple[float, float] | dict[str, float]
MISSING = ""
"""Names the share of payments without a category among the shares of its values."""


class Rows(_Part):
    """A range of the dataset's rows, 0-based; `last` is included."""

    first: int
    last: int
    rows: int


class FittedRows(Rows):
    """The rows the booster was fitted on, and hashes of the CSV and of the rows."""

    dataset_sha256: str
    rows_sha256: str


class Calibration(_Part):
    """margin = scale x the fitted trees' raw output + offset.

    model.ubj already includes this, in its leaves and base score.
    """

    scale: float = 1.0
    offset: float = 0.0


class Fold(_Part):
    """A forward fold: the same parameters, fitted on some rows, evaluated on the next ones."""

    fitted: Rows
    judged: Rows
    average_precision: float


class Score(_Part):
    """The lowest probability that is worth a review."""

    probability: float = Field(gt=0, lt=1)


class Capacity(_Part):
    """The number of alerts that people can review."""

    alerts_per_day: float = Field(gt=0)


class Precision(_Part):
    """At least `precision` of the flagged payments are frauds, with one-sided `confidence`."""

    precision: float = Field(gt=0, lt=1)
    confidence: float = Field(default=0.9, gt=0, lt=1)


class Limits(_Part):
    """`review` by score or by capacity, `block` by the precision required to block unreviewed."""

    review: Score | Capacity
    block: Precision


class Costs(_Part):
    """Costs of a review and of blocking a legitimate payment, in the currency of Amount."""

    cost_review: float = Field(ge=0)
    cost_block: float = Field(ge=0)


Policy = Limits | Costs


class ForwardCut(_Part):
    """The policy tried as it will be used: on rows later than all that chose its thresholds.

    A booster fitted on the rows `fitted`, with thresholds that the policy chooses on the
    out-of-fold rows among them, judges the rows that follow.
    """

    fitted: Rows
    judged: Rows
    days: float
    review: float
    frauds: int
    flagged: int
    caught: int
    blocked: int
    blocked_frauds: int

    @property
    def alerts_per_day(self) -> float:
        """The judged rows at or above `review`, a day."""
        return self.flagged / self.days

    @property
    def precision(self) -> float | None:
        """The share of frauds among the rows at or above `review`; None if there are none."""
        return self.caught / self.flagged if self.flagged else None

    @property
    def recall(self) -> float | None:
        """The share of the judged frauds at or above `review`; None without frauds."""
        return self.caught / self.frauds if self.frauds else None


class ReasonPattern(_Part):
    """The features of an alert's reasons as a set, in the booster's order.

    `alerts` counts the out-of-fold rows at or above `review` with exactly these, and `frauds` the
    frauds among them.
    """

    features: tuple[str, ...]
    alerts: int
    frauds: int


class Manifest(_Part):
    """Everything about a model except its trees and reference rows.

    `schema` is the name and version of the schema, and `categories` has the values of each category
    in the order of their codes. `usual` holds each feature's 1st and 99th percentile among the
    legitimate fitted rows, of a category the share of each value and
    of MISSING; `hashes` the SHA-256 of each
    file, and `policy` how the thresholds were chosen on the out-of-fold rows. `payments_per_day`
    counts those of the file trained on, `cuts` show the policy on later rows, and `patterns` are
    the reasons' patterns, the most frequent first. Models of an earlier release lack these three,
    `schema` and `categories`. `label_delay`, if there is one, is how late labels came that have no
    date (`model.history.draw_delays`).
    """

    model_config = ConfigDict(serialize_by_alias=True)

    format_version: int = FORMAT_VERSION
    schema_reference: str | None = Field(None, alias="schema")
    categories: dict[str, tuple[str, ...]] = {}
    features: tuple[str, ...]
    thresholds: Thresholds
    policy: Policy
    calibration: Calibration
    usual: dict[str, Usual]
    hashes: dict[str, str]
    fitted_on: FittedRows
    out_of_fold: Rows
    folds: tuple[Fold, ...]
    test: Rows
    parameters: dict[str, float | int | str]
    trees: int
    payments_per_day: float | None = Field(default=None, gt=0)
    cuts: tuple[ForwardCut, ...] = ()
    patterns: tuple[ReasonPattern, ...] = ()
    label_delay: str | None = Field(default=None, exclude_if=lambda delay: delay is None)

    @property
    def budget(self) -> float | None:
        """The alerts a day that `review` was chosen for; None if by score or by cost."""
        if isinstance(self.policy, Limits) and isinstance(self.policy.review, Capacity):
            return self.policy.review.alerts_per_day
        return None


def derive_version(content: dict[str, Any]) -> str:
    """Return an artefact's version: a hash of its manifest without `version` itself.

    The manifest contains the hashes of the artefact's other files.
    """
    rest = {name: value for name, value in content.items() if name != "version"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hash_content(canonical.encode())[:_VERSION_DIGITS]


def hash_content(content: bytes) -> str:
    """Return the SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
