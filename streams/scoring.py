"""From a batch of records to its predictions, alerts and dead letters. Pure: no Kafka call, the clock is an argument."""

from collections.abc import Callable
from datetime import datetime
from time import perf_counter
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from model.artefact import decisions, probabilities
from model.contract import INPUTS, Decision, Thresholds
from model.records import (
    MAX_TRANSACTION_BYTES,
    ROW_BYTES,
    AlertRecord,
    DeadLetterKind,
    InvalidTransactionError,
    PredictionRecord,
    ReasonRecord,
    ThresholdsRecord,
    TransactionRecord,
    decode,
    inputs,
)
from streams import codec, topics
from streams.batch import Batch, Output, Record, Scored

REASONS = 5  # the contract's number of reasons an alert

_encode = msgspec.json.Encoder().encode


class ScoringModel(Protocol):
    """The part of model.artefact.Model that scoring reads."""

    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def thresholds(self) -> Thresholds: ...  # noqa: D102
    @property
    def usual(self) -> dict[str, tuple[float, float]]: ...  # noqa: D102
    def margins(self, rows: NDArray[np.float32]) -> NDArray[np.float64]: ...  # noqa: D102
    def explain(self, rows: NDArray[np.float32]) -> tuple[float, NDArray[np.float64]]: ...  # noqa: D102


class ModelFailedError(RuntimeError):
    """The model failed on every row of a batch: the model is broken, not the data."""


class _Valid:
    """The valid records of a batch with their rows, kept side by side."""

    __slots__ = ("records", "rows", "sources")

    def __init__(self, size: int) -> None:
        self.sources: list[Record] = []
        self.records: list[TransactionRecord] = []
        self.rows = bytearray(size * ROW_BYTES)

    def matrix(self) -> NDArray[np.float32]:
        """float32[n, 29] over the packed rows, without a copy."""
        rows = np.frombuffer(self.rows, np.float32, len(self.records) * len(INPUTS))
        return rows.reshape(-1, len(INPUTS))

    def keep(self, wanted: NDArray[np.bool_]) -> None:
        """Drops the records whose flag is not set."""
        self.rows = bytearray(self.matrix()[wanted].tobytes())
        self.sources = [source for source, kept in zip(self.sources, wanted, strict=True) if kept]
        self.records = [record for record, kept in zip(self.records, wanted, strict=True) if kept]


class Scorer:
    """Scores batches with one model."""

    def __init__(self, model: ScoringModel, clock: Callable[[], datetime], max_bytes: int = MAX_TRANSACTION_BYTES) -> None:
        self._model = model
        self._clock = clock
        self._max_bytes = max_bytes
        self._thresholds = ThresholdsRecord(review=model.thresholds.review, block=model.thresholds.block)

    def score(self, batch: Batch) -> Scored:
        """Exactly one prediction or dead letter for every record of the batch, and an alert for what is not approved.

        Raises ModelFailedError when the model fails on every one of several rows.
        """
        started = perf_counter()
        scored = Scored(batch)
        valid = self._decode(batch, scored)
        margins = self._margins(valid, scored)
        scored.probabilities = probabilities(margins)
        decided = decisions(scored.probabilities, self._model.thresholds)
        scored.outcomes.update(decided)
        scored.predicted = valid.sources
        scored_at = self._clock()
        self._predict(scored, valid, decided, scored_at)
        suspicious = [index for index, decision in enumerate(decided) if decision != "approve"]
        if suspicious:
            self._alert(scored, valid, margins, decided, suspicious, scored_at)
        scored.seconds = perf_counter() - started
        return scored

    def _decode(self, batch: Batch, scored: Scored) -> _Valid:
        valid = _Valid(len(batch.records))
        for source in batch.records:
            try:
                record = decode(source.value(), valid.rows, len(valid.records), self._max_bytes)
            except InvalidTransactionError as error:
                self._reject(scored, source, error.kind, error.detail)
            else:
                valid.sources.append(source)
                valid.records.append(record)
        return valid

    def _margins(self, valid: _Valid, scored: Scored) -> NDArray[np.float64]:
        """The margins; rows on which the model fails alone become dead letters, and leave `valid`."""
        rows = valid.matrix()
        if not len(rows):
            return np.empty(0)
        try:
            return self._model.margins(rows)
        except Exception:  # any failure of the model is isolated to the rows that cause it
            margins, failures = self._one_by_one(rows)
        if len(failures) == len(rows) > 1:
            raise ModelFailedError(f"the model failed on all {len(rows)} rows of a batch: {failures[0]}") from failures[0]
        for index, error in failures.items():
            self._reject(scored, valid.sources[index], "scoring_failed", f"{type(error).__name__}: {error}")
        good = ~np.isin(np.arange(len(rows)), list(failures))
        valid.keep(good)
        return margins[good]

    def _one_by_one(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float64], dict[int, Exception]]:
        margins, failures = np.zeros(len(rows)), dict[int, Exception]()
        for index in range(len(rows)):
            try:
                margins[index] = self._model.margins(rows[index : index + 1])[0]
            except Exception as error:  # the reason becomes the dead letter's detail
                failures[index] = error
        return margins, failures

    def _reject(self, scored: Scored, source: Record, kind: DeadLetterKind, detail: str) -> None:
        headers = codec.dead_letter_headers(source.topic(), source.partition(), source.offset(), kind, detail, self._clock())
        scored.outputs.append(Output(topics.DEAD_LETTERS, source.key(), source.value(), headers))
        scored.outcomes["rejected"] += 1
        scored.dead_letters[kind] += 1

    def _predict(self, scored: Scored, valid: _Valid, decided: list[Decision], scored_at: datetime) -> None:
        version = self._model.version
        for source, record, probability, decision in zip(valid.sources, valid.records, scored.probabilities.tolist(), decided, strict=True):
            prediction = PredictionRecord(
                transaction_id=record.transaction_id,
                event_time=record.event_time,
                scored_at=scored_at,
                probability=probability,
                decision=decision,
                model_version=version,
                transaction=msgspec.Raw(source.value() or b""),
            )
            scored.outputs.append(_output(topics.PREDICTIONS, source, record, prediction))

    def _alert(
        self,
        scored: Scored,
        valid: _Valid,
        margins: NDArray[np.float64],
        decided: list[Decision],
        suspicious: list[int],
        scored_at: datetime,
    ) -> None:
        base, contributions = self._model.explain(valid.matrix()[suspicious])
        for index, pushes in zip(suspicious, contributions, strict=True):
            source, record = valid.sources[index], valid.records[index]
            probability = float(scored.probabilities[index])
            reasons, rest = self._reasons(record, pushes)
            scored.reasons.update(reason.feature for reason in reasons)
            alert = AlertRecord(
                transaction_id=record.transaction_id,
                event_time=record.event_time,
                scored_at=scored_at,
                probability=probability,
                margin=float(margins[index]),
                decision=decided[index],
                thresholds=self._thresholds,
                amount=record.Amount,
                expected_loss=probability * record.Amount,
                model_version=self._model.version,
                base=base,
                reasons=reasons,
                rest=rest,
                transaction=msgspec.Raw(source.value() or b""),
            )
            scored.outputs.append(_output(topics.ALERTS, source, record, alert))

    def _reasons(self, record: TransactionRecord, pushes: NDArray[np.float64]) -> tuple[list[Any], float]:
        """The largest pushes towards fraud first, and the sum of all others."""
        order = np.argsort(-pushes, kind="stable")
        values = inputs(record)
        reasons = [
            ReasonRecord(
                feature=INPUTS[index],
                value=values[index],
                usual=self._model.usual[INPUTS[index]],
                contribution=float(pushes[index]),
            )
            for index in order[:REASONS]
        ]
        return reasons, float(pushes[order[REASONS:]].sum())


def _output(topic: str, source: Record, record: TransactionRecord, value: Any) -> Output:
    return Output(
        topic,
        codec.key(record.transaction_id, record.account_id),
        _encode(value),
        codec.source_headers(source.topic(), source.partition(), source.offset()),
    )
