"""Alerts and their reasons, for the stream, `POST /predict` and `fraud explain`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import msgspec
import numpy as np

from model.manifest import MISSING, Usual
from payments.arrays import Floats, Singles
from payments.contract import CONTRACT_VERSION, Decision, Thresholds
from payments.decoder import DecodedTransaction, TransactionDecoder
from payments.features import FeatureEncoder
from payments.records import AlertRecord, ReasonRecord, ThresholdsRecord

REASONS = 5  # in each alert, by the contract


class ScoringModel(Protocol):
    """The part of model.artefact.Model that scoring reads."""

    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def thresholds(self) -> Thresholds: ...  # noqa: D102
    @property
    def typical_ranges(self) -> dict[str, Usual]: ...  # noqa: D102
    @property
    def features(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def decoder(self) -> TransactionDecoder: ...  # noqa: D102
    def compute_margins(self, rows: Singles) -> Floats: ...  # noqa: D102
    def explain(self, rows: Singles) -> tuple[float, Floats]: ...  # noqa: D102


@dataclass(frozen=True)
class ExplainedScore:
    """A model's score of one transaction at a time, split into contributions.

    `row` is its features, float32[features], and `contributions`, float64[features], what each
    adds to the margin: `base` + their sum = `margin` within 1e-4.
    """

    scored_at: datetime
    margin: float
    probability: float
    decision: Decision
    base: float
    row: Singles
    contributions: Floats


def build_alert(
    model: ScoringModel,
    transaction: bytes,
    sent: DecodedTransaction,
    source: Any,
    score: ExplainedScore,
    limit: int = REASONS,
) -> Any:
    """Return the AlertRecord of a transaction, with at most `limit` reasons.

    `transaction` is the record's bytes, and `sent` the same decoded; `source` is its SourceRecord,
    None if it is on no topic.
    """
    reasons, rest = rank_reasons(model, sent.values, score.row, score.contributions, limit)
    return AlertRecord(
        contract=CONTRACT_VERSION,
        transaction_id=sent.transaction_id,
        event_time=sent.event_time,
        scored_at=score.scored_at,
        probability=score.probability,
        decision=score.decision,
        decided_by="model",
        model_version=model.version,
        schema_reference=model.decoder.schema.reference,
        source=source,
        features=list_derived(model.decoder.encoder, score.row),
        margin=score.margin,
        thresholds=ThresholdsRecord(review=model.thresholds.review, block=model.thresholds.block),
        amount=sent.amount,
        expected_loss=score.probability * sent.amount,
        base=score.base,
        reasons=reasons,
        rest=rest,
        transaction=msgspec.Raw(transaction),
    )


def list_derived(encoder: FeatureEncoder, rows: Singles) -> list[Any] | None:
    """Return the features that are no fields, of float32[..., features]; None if there are none.

    A missing one is NaN, which JSON has as null.
    """
    fields = len(encoder.inputs)
    return rows[..., fields:].tolist() if rows.shape[-1] > fields else None


def rank_reasons(
    model: ScoringModel,
    values: Sequence[Any],
    row: Singles,
    contributions: Floats,
    limit: int = REASONS,
) -> tuple[list[Any], float]:
    """Return the `limit` largest contributions as ReasonRecords, and the sum of the others.

    The largest contribution towards fraud comes first. `values` are a payment's inputs as they were
    sent, `row` its features, float32[features], and `contributions`, float64[features], what each
    adds to the margin.
    """
    order = np.argsort(-contributions, kind="stable")
    shown = [*values, *row[len(values) :].tolist()]
    reasons = [
        _make_reason(model, index, shown[index], float(contributions[index]))
        for index in order[:limit].tolist()
    ]
    return reasons, float(contributions[order[limit:]].sum())


def _make_reason(model: ScoringModel, index: int, value: Any, contribution: float) -> Any:
    feature = model.features[index]
    usual = model.typical_ranges[feature]
    return ReasonRecord(
        feature=feature,
        label=model.decoder.schema.features[index].label,
        value=float(value) if isinstance(value, bool) else value,
        usual={"share": _find_share(usual, value)} if isinstance(usual, dict) else usual,
        contribution=contribution,
    )


def _find_share(shares: dict[str, float], value: str | None) -> float:
    """Return the share of legitimate payments with a value, or with any that has no code."""
    others = max(0.0, 1 - sum(shares.values()))
    return shares.get(MISSING if value is None else value, others)
