"""An alert: what a model makes of one transaction, with the reasons. The stream, `POST /predict` and `fraud explain` say it from here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from payments.contract import INPUTS, Decision, Thresholds
from payments.records import AlertRecord, ReasonRecord, ThresholdsRecord, TransactionRecord, inputs

REASONS = 5  # the contract's number of reasons an alert


class ScoringModel(Protocol):
    """The part of model.artefact.Model that scoring reads."""

    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def thresholds(self) -> Thresholds: ...  # noqa: D102
    @property
    def typical_ranges(self) -> dict[str, tuple[float, float]]: ...  # noqa: D102
    def margins(self, rows: NDArray[np.float32]) -> NDArray[np.float64]: ...  # noqa: D102
    def explain(self, rows: NDArray[np.float32]) -> tuple[float, NDArray[np.float64]]: ...  # noqa: D102


@dataclass(frozen=True)
class ExplainedScore:
    """A model's score of one transaction, and where it comes from: `margin` is `base` and the sum of `contributions`, float64[29] as INPUTS."""

    margin: float
    probability: float
    decision: Decision
    base: float
    contributions: NDArray[np.float64]


def build_alert(
    model: ScoringModel,
    transaction: bytes,
    sent: TransactionRecord,
    score: ExplainedScore,
    scored_at: datetime,
    most: int = REASONS,
) -> Any:
    """The AlertRecord of a transaction, with the `most` strongest reasons. `sent`: `transaction`, the record's bytes, decoded."""
    reasons, rest = strongest_reasons(model, inputs(sent), score.contributions, most)
    return AlertRecord(
        transaction_id=sent.transaction_id,
        event_time=sent.event_time,
        scored_at=scored_at,
        probability=score.probability,
        margin=score.margin,
        decision=score.decision,
        thresholds=ThresholdsRecord(review=model.thresholds.review, block=model.thresholds.block),
        amount=sent.Amount,
        expected_loss=score.probability * sent.Amount,
        model_version=model.version,
        base=score.base,
        reasons=reasons,
        rest=rest,
        transaction=msgspec.Raw(transaction),
    )


def strongest_reasons(
    model: ScoringModel,
    values: Sequence[float],
    contributions: NDArray[np.float64],
    most: int = REASONS,
) -> tuple[list[Any], float]:
    """The `most` largest contributions towards fraud first, as ReasonRecords, and the sum of all others.

    `values` are a transaction's inputs as they were sent, `contributions` float64[29] the contributions of these; both in the order of INPUTS.
    """
    order = np.argsort(-contributions, kind="stable")
    typical_ranges = model.typical_ranges
    reasons = [
        ReasonRecord(
            feature=INPUTS[index],
            value=values[index],
            usual=typical_ranges[INPUTS[index]],
            contribution=float(contributions[index]),
        )
        for index in order[:most]
    ]
    return reasons, float(contributions[order[most:]].sum())
