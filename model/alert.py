"""Alerts and their reasons, for the stream, `POST /predict` and `fraud explain`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import msgspec
import numpy as np

from payments.arrays import Floats, Singles
from payments.contract import INPUTS, Decision, Thresholds
from payments.records import (
    AlertRecord,
    ReasonRecord,
    ThresholdsRecord,
    TransactionRecord,
    get_inputs,
)

REASONS = 5  # in each alert, by the contract


class ScoringModel(Protocol):
    """The part of model.artefact.Model that scoring reads."""

    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def thresholds(self) -> Thresholds: ...  # noqa: D102
    @property
    def typical_ranges(self) -> dict[str, tuple[float, float]]: ...  # noqa: D102
    def compute_margins(self, rows: Singles) -> Floats: ...  # noqa: D102
    def explain(self, rows: Singles) -> tuple[float, Floats]: ...  # noqa: D102


@dataclass(frozen=True)
class ExplainedScore:
    """A model's score of one transaction, split into contributions.

    `contributions` is float64[29] in the order of INPUTS; `base` + their sum = `margin` within
    1e-4.
    """

    margin: float
    probability: float
    decision: Decision
    base: float
    contributions: Floats


def build_alert(
    model: ScoringModel,
    transaction: bytes,
    sent: TransactionRecord,
    score: ExplainedScore,
    scored_at: datetime,
    limit: int = REASONS,
) -> Any:
    """Return the AlertRecord of a transaction, with at most `limit` reasons.

    `transaction` is the record's bytes, and `sent` the same decoded.
    """
    reasons, rest = rank_reasons(model, get_inputs(sent), score.contributions, limit)
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


def rank_reasons(
    model: ScoringModel,
    values: Sequence[float],
    contributions: Floats,
    limit: int = REASONS,
) -> tuple[list[Any], float]:
    """Return the `limit` largest contributions as ReasonRecords, and the sum of the others.

    The largest contribution towards fraud comes first. `values` are a transaction's 29 inputs as
    they were sent, and `contributions`, float64[29], is what each adds to the margin; both in the
    order of INPUTS.
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
        for index in order[:limit]
    ]
    return reasons, float(contributions[order[limit:]].sum())
