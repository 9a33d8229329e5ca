"""Settings of the peers, and this project's scoring of whole batches, which they share.

Decoding, model, reasons and encoding are the same for every peer that can use them, so that the
benchmark compares stream processors and not JSON libraries.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from model.alert import ExplainedScore, build_alert
from model.artefact import Model, compute_probabilities, decide
from payments.contract import CONTRACT_VERSION
from payments.records import PredictionRecord, SourceRecord

_encode = msgspec.json.Encoder().encode


class ScoredOutputs(msgspec.Struct, gc=False):
    """The output for one transaction; `alert` is None if it was approved."""

    key: bytes
    prediction: bytes
    alert: bytes | None


@dataclass(frozen=True)
class PeerSettings:
    """The topics, group and model of a peer."""

    servers: str
    transactions: str
    predictions: str
    alerts: str
    group: str
    model: Path

    @classmethod
    def from_environment(cls, group: str) -> "PeerSettings":
        """Read the variables of the `fraud` command."""
        prefix = os.environ["FRAUD_TOPIC_PREFIX"]
        return cls(
            servers=os.environ["FRAUD_BOOTSTRAP_SERVERS"],
            transactions=f"{prefix}transactions",
            predictions=f"{prefix}predictions",
            alerts=f"{prefix}alerts",
            group=f"{prefix}{group}",
            model=Path(os.environ["FRAUD_MODEL_DIR"]),
        )


class PeerScorer:
    """Scores batches of valid transactions."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def score(
        self, values: Sequence[bytes], positions: Iterable[tuple[int, int]]
    ) -> list[ScoredOutputs]:
        """Return the output for each value, in order; `positions` are partitions and offsets.

        Raises InvalidTransactionError.
        """
        decoder = self._model.decoder
        packed = bytearray(len(values) * decoder.encoder.row_bytes)
        records = [decoder.decode(value, packed, row) for row, value in enumerate(values)]
        rows = np.frombuffer(packed, np.float32).reshape(len(values), -1)
        margins = self._model.compute_margins(rows)
        scores = compute_probabilities(margins)
        now = datetime.now(UTC)
        scored = []
        decided = decide(scores, self._model.thresholds)
        for row, (value, position, record, score, decision) in enumerate(
            zip(values, positions, records, scores.tolist(), decided, strict=True)
        ):
            source = SourceRecord(partition=position[0], offset=position[1])
            prediction = PredictionRecord(
                contract=CONTRACT_VERSION,
                transaction_id=record.transaction_id,
                event_time=record.event_time,
                scored_at=now,
                probability=score,
                decision=decision,
                decided_by="model",
                model_version=self._model.version,
                schema_reference=decoder.schema.reference,
                source=source,
                transaction=msgspec.Raw(value),
            )
            encoded_alert = None
            if decision != "approve":
                base, contributions = self._model.explain(rows[row : row + 1])
                explained = ExplainedScore(
                    now, float(margins[row]), score, decision, base, rows[row], contributions[0]
                )
                alert = build_alert(self._model, value, record, source, explained)
                encoded_alert = _encode(alert)
            key = (record.key or record.transaction_id).encode()
            scored.append(ScoredOutputs(key, _encode(prediction), encoded_alert))
        return scored
