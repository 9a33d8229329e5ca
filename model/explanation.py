"""One decision taken apart: where its margin comes from, step by step. Explanations have the shape of alerts, whatever the decision."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from model.alert import ExplainedScore, build_alert
from model.artefact import Model, decisions, probabilities
from payments.contract import INPUTS
from payments.records import ROW_BYTES, decode

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
    sent = decode(transaction, buffer, 0)
    row = np.frombuffer(buffer, np.float32).reshape(1, -1)
    margins = model.margins(row)
    scores = probabilities(margins)
    base, contributions = model.explain(row)
    score = ExplainedScore(
        float(margins[0]),
        float(scores[0]),
        decisions(scores, model.thresholds)[0],
        base,
        contributions[0],
    )
    return build_alert(model, transaction, sent, score, at, most=len(INPUTS))


def waterfall_steps(explained: Any, most: int) -> list[Step]:
    """An AlertRecord as bars that begin where the one before ended: base, reasons, rest; the last bar is the margin, from 0.

    At most `most` reasons are shown, those of the largest share in either direction; the others go into the rest.
    """
    strongest = sorted(explained.reasons, key=lambda reason: -abs(reason.contribution))[:most]
    shown = [reason for reason in explained.reasons if reason in strongest]
    hidden = sum(reason.contribution for reason in explained.reasons if reason not in strongest)
    contributions = [(reason.feature, reason.contribution, reason) for reason in shown] + [
        (REST, explained.rest + hidden, None)
    ]
    steps = [Step(BASE, 0.0, explained.base)]
    for feature, push, reason in contributions:
        steps.append(Step(feature, steps[-1].end, steps[-1].end + push, reason))
    return [*steps, Step(MARGIN, 0.0, explained.margin)]
