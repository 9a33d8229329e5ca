"""One decision taken apart: where its margin comes from, step by step. Explanations have the shape of alerts, whatever the decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from model.artefact import Model, decisions, probabilities
from model.records import ROW_BYTES, AlertRecord, ReasonRecord, ThresholdsRecord, decode, inputs

BASE, REST, MARGIN = "base", "rest", "margin"


@dataclass(frozen=True)
class Step:
    """A bar of a waterfall, from one margin to the next. `reason` is the alert's reason, None for base, rest and margin."""

    name: str
    begin: float
    end: float
    reason: Any = None


def explain(model: Model, transaction: bytes, at: datetime) -> Any:
    """The AlertRecord that `model` would give for a transaction, with all features as reasons, also where the decision is to approve.

    `transaction` is what stands on the topic; `at` becomes scored_at. Raises InvalidTransactionError.
    """
    buffer = bytearray(ROW_BYTES)
    record = decode(transaction, buffer, 0)
    row = np.frombuffer(buffer, np.float32).reshape(1, -1)
    margins = model.margins(row)
    scores = probabilities(margins)
    probability = float(scores[0])
    base, contributions = model.explain(row)
    return AlertRecord(
        transaction_id=record.transaction_id,
        event_time=record.event_time,
        scored_at=at,
        probability=probability,
        margin=float(margins[0]),
        decision=decisions(scores, model.thresholds)[0],
        thresholds=ThresholdsRecord(**model.thresholds.model_dump()),
        amount=record.Amount,
        expected_loss=probability * record.Amount,
        model_version=model.version,
        base=base,
        reasons=_reasons(model, inputs(record), contributions[0].tolist()),
        rest=0.0,
        transaction=msgspec.Raw(transaction),
    )


def _reasons(model: Model, values: Sequence[float], contributions: Sequence[float]) -> list[Any]:
    reasons = [
        ReasonRecord(feature=feature, value=value, usual=model.usual[feature], contribution=contribution)
        for feature, value, contribution in zip(model.features, values, contributions, strict=True)
    ]
    return sorted(reasons, key=lambda reason: -reason.contribution)


def waterfall(alert: Any, most: int) -> list[Step]:
    """An AlertRecord as bars that begin where the one before ended: base, reasons, rest; the last bar is the margin, from 0.

    At most `most` reasons are shown, those of the largest share in either direction; the others go into the rest.
    """
    strongest = sorted(alert.reasons, key=lambda reason: -abs(reason.contribution))[:most]
    shown = [reason for reason in alert.reasons if reason in strongest]
    hidden = sum(reason.contribution for reason in alert.reasons if reason not in strongest)
    pushes = [(reason.feature, reason.contribution, reason) for reason in shown] + [(REST, alert.rest + hidden, None)]
    steps = [Step(BASE, 0.0, alert.base)]
    for feature, push, reason in pushes:
        steps.append(Step(feature, steps[-1].end, steps[-1].end + push, reason))
    return [*steps, Step(MARGIN, 0.0, alert.margin)]
