"""Explanations of single decisions, in the format of an alert whatever the decision."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from model.alert import ExplainedScore, build_alert
from model.artefact import Model, compute_probabilities, decide
from payments.arrays import Singles

BASE = "base"
REST = "rest"
MARGIN = "margin"


@dataclass(frozen=True)
class Step:
    """A bar of a waterfall, from one margin to the next.

    `reason` is the alert's reason; None for base, rest and margin.
    """

    name: str
    begin: float
    end: float
    reason: Any = None


def explain(model: Model, transaction: bytes, at: datetime, history: Singles | None = None) -> Any:
    """Return an AlertRecord for a transaction, with all features as reasons.

    A payment that `model` approves gets one too. `transaction` is a record's value as on the topic,
    but the alert names no source; `at` becomes scored_at. `history`: its features of history,
    float32[1, history], which are missing by default. Raises InvalidTransactionError.
    """
    sent, row = model.decoder.decode_one(transaction)
    if history is not None:
        model.decoder.encoder.add_history(row, history)
    margins = model.compute_margins(row)
    scores = compute_probabilities(margins)
    base, contributions = model.explain(row)
    score = ExplainedScore(
        at,
        float(margins[0]),
        float(scores[0]),
        decide(scores, model.thresholds)[0],
        base,
        row[0],
        contributions[0],
    )
    return build_alert(model, transaction, sent, None, score, limit=len(model.features))


def build_waterfall(explained: Any, limit: int) -> list[Step]:
    """Return an AlertRecord as bars: base, reasons, rest, and the margin.

    Each bar begins where the previous one ended, except the margin, which begins at 0. Only the
    `limit` reasons with the largest contributions in either direction are shown; the others are
    added to the rest.
    """
    strongest = sorted(explained.reasons, key=lambda reason: -abs(reason.contribution))[:limit]
    shown = [reason for reason in explained.reasons if reason in strongest]
    hidden = sum(reason.contribution for reason in explained.reasons if reason not in strongest)
    contributions = [(reason.feature, reason.contribution, reason) for reason in shown] + [
        (REST, explained.rest + hidden, None)
    ]
    steps = [Step(BASE, 0.0, explained.base)]
    for feature, contribution, reason in contributions:
        steps.append(Step(feature, steps[-1].end, steps[-1].end + contribution, reason))
    return [*steps, Step(MARGIN, 0.0, explained.margin)]
