"""What the peers share: the settings they are started with, and scoring by this project's `model` room, in whole batches.

So that systems are compared and not JSON libraries: decoding, model, reasons and encoding are the same, and as fast, for all that
can use them.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from model.artefact import Model, decisions, probabilities
from model.contract import INPUTS
from model.records import ROW_BYTES, AlertRecord, PredictionRecord, ReasonRecord, ThresholdsRecord, TransactionRecord, decode, inputs

REASONS = 5

_encode = msgspec.json.Encoder().encode


class Scored(msgspec.Struct, gc=False):
    """What became of one transaction; `alert` is None where it was approved."""

    key: bytes
    prediction: bytes
    alert: bytes | None


@dataclass(frozen=True)
class Settings:
    """Where a peer reads and writes."""

    servers: str
    transactions: str
    predictions: str
    alerts: str
    group: str
    model: Path

    @classmethod
    def from_environment(cls, group: str) -> "Settings":
        """From the variables that the `fraud` command uses too."""
        prefix = os.environ["FRAUD_TOPIC_PREFIX"]
        return cls(
            servers=os.environ["FRAUD_BOOTSTRAP_SERVERS"],
            transactions=f"{prefix}transactions",
            predictions=f"{prefix}predictions",
            alerts=f"{prefix}alerts",
            group=f"{prefix}{group}",
            model=Path(os.environ["FRAUD_MODEL_DIR"]),
        )


def source_headers(topic: str, partition: int, offset: int) -> list[tuple[str, bytes]]:
    """The contract's headers of a message that was made from a record."""
    return [
        ("contract.version", b"1"),
        ("source.topic", topic.encode()),
        ("source.partition", b"%d" % partition),
        ("source.offset", b"%d" % offset),
    ]


class Scorer:
    """Scores batches of valid transactions."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._thresholds = ThresholdsRecord(review=model.thresholds.review, block=model.thresholds.block)

    def score(self, values: Sequence[bytes]) -> list[Scored]:
        """One for each value, in its order. Raises InvalidTransactionError."""
        packed = bytearray(len(values) * ROW_BYTES)
        records = [decode(value, packed, row) for row, value in enumerate(values)]
        rows = np.frombuffer(packed, np.float32).reshape(-1, len(INPUTS))
        margins = self._model.margins(rows)
        scores, now, scored = probabilities(margins), datetime.now(UTC), []
        decided = decisions(scores, self._model.thresholds)
        for row, (value, record, score, decision) in enumerate(zip(values, records, scores.tolist(), decided, strict=True)):
            prediction = PredictionRecord(
                transaction_id=record.transaction_id,
                event_time=record.event_time,
                scored_at=now,
                probability=score,
                decision=decision,
                model_version=self._model.version,
                transaction=msgspec.Raw(value),
            )
            alert = None if decision == "approve" else self._alert(prediction, record, rows[row : row + 1], float(margins[row]))
            scored.append(Scored((record.account_id or record.transaction_id).encode(), _encode(prediction), alert))
        return scored

    def _alert(self, prediction: Any, record: TransactionRecord, row: NDArray[np.float32], margin: float) -> bytes:
        base, contributions = self._model.explain(row)
        pushes, values = contributions[0], inputs(record)
        order = np.argsort(-pushes, kind="stable")
        usual = self._model.usual
        reasons = [
            ReasonRecord(feature=INPUTS[at], value=values[at], usual=usual[INPUTS[at]], contribution=float(pushes[at]))
            for at in order[:REASONS]
        ]
        alert = AlertRecord(
            transaction_id=prediction.transaction_id,
            event_time=prediction.event_time,
            scored_at=prediction.scored_at,
            probability=prediction.probability,
            margin=margin,
            decision=prediction.decision,
            thresholds=self._thresholds,
            amount=record.Amount,
            expected_loss=prediction.probability * record.Amount,
            model_version=prediction.model_version,
            base=base,
            reasons=reasons,
            rest=float(pushes[order[REASONS:]].sum()),
            transaction=prediction.transaction,
        )
        return _encode(alert)
