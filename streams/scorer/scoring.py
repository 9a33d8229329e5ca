"""Turns a batch of records into predictions, alerts and dead letters.

Pure: it makes no Kafka call, and the clock is an argument.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from model.alert import ExplainedScore, ScoringModel, build_alert, list_derived
from model.artefact import compute_probabilities, decide
from payments.arrays import Floats, Singles
from payments.contract import CONTRACT_VERSION, Decision
from payments.decoder import (
    MAX_TRANSACTION_BYTES,
    DeadLetterKind,
    InvalidTransactionError,
    compute_times_ms,
)
from payments.records import PredictionRecord, SourceRecord
from payments.rfc3339 import count_microseconds
from streams.history.batches import Payments
from streams.history.block import encode as encode_block
from streams.kafka import messages, topics
from streams.kafka.messages import Output, Position
from streams.scorer.batch import Batch, Record, ScoredBatch

if TYPE_CHECKING:
    from streams.history.state import History  # compiles its loops: only for schemas with history

_ATTEMPTS = 2  # the first failure may be no record's fault, for example when memory runs out

_NONE_REFUSED: Mapping[Position, str] = MappingProxyType({})

_encode = msgspec.json.Encoder().encode


class ScoringFailedError(RuntimeError):
    """Scoring fails even on a row that is known to be good: the model is broken, not the data."""


class _ValidRecord(msgspec.Struct, gc=False):
    """A valid record, with the part of its transaction that its outputs and the history need."""

    record: Record
    transaction_id: str
    event_time: datetime
    key: bytes
    amount: float
    compared: tuple[str | None, ...]


@dataclass
class _ValidRecords:
    """The valid records of a batch and their features, float32[n, features].

    It keeps no decoded transactions: 30 numbers each would not fit in the CPU caches.
    """

    records: list[_ValidRecord]
    matrix: Singles

    def split(self) -> tuple["_ValidRecords", "_ValidRecords"]:
        """Return both halves."""
        middle = len(self.records) // 2
        return (
            _ValidRecords(self.records[:middle], self.matrix[:middle]),
            _ValidRecords(self.records[middle:], self.matrix[middle:]),
        )


class Scorer:
    """Scores batches with one model.

    `refused` has the records of which a topic refused an output as too large, with the reasons:
    they become dead letters.
    """

    def __init__(
        self,
        model: ScoringModel,
        clock: Callable[[], datetime],
        max_bytes: int = MAX_TRANSACTION_BYTES,
        refused: Mapping[Position, str] = _NONE_REFUSED,
        history: "History | None" = None,
    ) -> None:
        self._model = model
        self._history = history
        self._history_fields = model.decoder.schema.history_fields
        self._clock = clock
        self._max_bytes = max_bytes
        self._refused = refused

    def score(self, batch: Batch) -> ScoredBatch:
        """Return one prediction or dead letter for each record, and an alert unless approved.

        Raises ScoringFailedError if it fails on a record and then on a row that is known to be
        good.
        """
        started = perf_counter()
        scored = ScoredBatch(batch)
        valid = self._decode(self._reject_refused(batch.records, scored), scored)
        if self._history is not None:
            # once a batch, whatever happens to its parts below
            self._add_history(self._history, valid, scored)
        if valid.records:
            self._isolate(valid, scored)
        scored.seconds = perf_counter() - started
        return scored

    def _reject_refused(self, records: Sequence[Record], scored: ScoredBatch) -> Sequence[Record]:
        """Return the records whose outputs no topic has refused; the others are dead letters."""
        if not self._refused:
            return records
        left = []
        for record in records:
            reason = self._refused.get((record.partition(), record.offset()))
            if reason is None:
                left.append(record)
            else:
                self._reject(scored, record, "too_large", reason)
        return left

    def _add_history(self, history: "History", valid: _ValidRecords, scored: ScoredBatch) -> None:
        """Apply the batch to the history, fill in what that gives, and write its blocks."""
        records = valid.records
        compared = [each.compared for each in records]
        applied = history.apply(
            scored.batch.epoch,
            scored.find_next_offsets(),
            Payments(
                np.array([each.record.partition() for each in records], np.int64),
                np.array([each.record.offset() for each in records], np.int64),
                compute_times_ms([each.event_time for each in records]),
                np.array([each.amount for each in records], np.float64),
                {
                    name: [values[column] for values in compared]
                    for column, name in enumerate(self._history_fields)
                },
            ),
            count_microseconds(self._clock()) // 1000,
        )
        self._model.decoder.encoder.add_history(valid.matrix, applied.features)
        scored.outputs += [
            Output(topics.HISTORY, None, encode_block(block), None, block.partition)
            for block in applied.blocks
        ]
        scored.applied = applied.entry

    def _isolate(self, valid: _ValidRecords, scored: ScoredBatch) -> None:
        """Add the results of the records to `scored`; if scoring fails twice, of each half.

        A single record that fails becomes a dead letter.
        """
        for _ in range(_ATTEMPTS):
            part = ScoredBatch(scored.batch)
            try:
                self._score(valid, part)
            except Exception as error:  # the records that do not cause it have to be scored
                failure = error
            else:
                scored.add(part)
                return
        if len(valid.records) == 1:
            self._check_model()
            self._reject_failed(scored, valid.records[0].record, failure)
            return
        for half in valid.split():
            self._isolate(half, scored)

    def _check_model(self) -> None:
        """Raise ScoringFailedError if the model cannot score any record."""
        try:
            known_good = np.zeros((1, len(self._model.features)), np.float32)
            self._model.compute_margins(known_good)
            self._model.explain(known_good)
        except Exception as error:
            raise ScoringFailedError(
                f"scoring fails on any record: {type(error).__name__}: {error}"
            ) from error

    def _score(self, valid: _ValidRecords, scored: ScoredBatch) -> None:
        margins = self._model.compute_margins(valid.matrix)
        scored.probabilities = compute_probabilities(margins)
        decided = decide(scored.probabilities, self._model.thresholds)
        scored.outcomes.update(decided)
        scored.predicted = [valid_record.record for valid_record in valid.records]
        scored_at = self._clock()
        self._predict(scored, valid, decided, scored_at)
        suspicious = [index for index, decision in enumerate(decided) if decision != "approve"]
        if suspicious:
            self._add_alerts(scored, valid, margins, decided, suspicious, scored_at)

    def _decode(self, records: Sequence[Record], scored: ScoredBatch) -> _ValidRecords:
        decoder = self._model.decoder
        encoder = decoder.encoder
        rows = bytearray(len(records) * encoder.row_bytes)
        valid: list[_ValidRecord] = []
        for record in records:
            try:
                sent = decoder.decode(record.value(), rows, len(valid), self._max_bytes)
            except InvalidTransactionError as error:
                self._reject(scored, record, error.kind, error.detail)
                continue
            except Exception:  # one record must not stop the others
                try:
                    sent = decoder.decode(record.value(), rows, len(valid), self._max_bytes)
                except Exception as error:
                    self._reject_failed(scored, record, error)
                    continue
            valid.append(
                _ValidRecord(
                    record,
                    sent.transaction_id,
                    sent.event_time,
                    messages.choose_key(sent.transaction_id, sent.key),
                    sent.amount,
                    sent.compared,
                )
            )
        features = len(encoder.names)
        matrix = np.frombuffer(rows, np.float32, len(valid) * features).reshape(-1, features)
        if encoder.needs_time:
            times = compute_times_ms([each.event_time for each in valid])
            encoder.add_calendar(matrix, times)
        return _ValidRecords(valid, matrix)

    def _reject_failed(self, scored: ScoredBatch, record: Record, failure: Exception) -> None:
        detail = f"{type(failure).__name__}: {failure}"
        self._reject(scored, record, "scoring_failed", detail)

    def _reject(
        self, scored: ScoredBatch, record: Record, kind: DeadLetterKind, detail: str
    ) -> None:
        headers = messages.make_dead_letter_headers(
            record.topic(), record.partition(), record.offset(), kind, detail, self._clock()
        )
        scored.outputs.append(Output(topics.DEAD_LETTERS, record.key(), record.value(), headers))
        scored.outcomes["rejected"] += 1
        scored.dead_letters[kind] += 1
        scored.details[kind] = detail

    def _predict(
        self,
        scored: ScoredBatch,
        valid: _ValidRecords,
        decided: list[Decision],
        scored_at: datetime,
    ) -> None:
        version = self._model.version
        schema = self._model.decoder.schema.reference
        derived = list_derived(self._model.decoder.encoder, valid.matrix)
        for one, probability, decision, features in zip(
            valid.records,
            scored.probabilities.tolist(),
            decided,
            derived or repeat(None, len(decided)),
            strict=True,
        ):
            prediction = PredictionRecord(
                contract=CONTRACT_VERSION,
                transaction_id=one.transaction_id,
                event_time=one.event_time,
                scored_at=scored_at,
                probability=probability,
                decision=decision,
                decided_by="model",
                model_version=version,
                schema_reference=schema,
                source=_find_source(one.record),
                features=features,
                transaction=msgspec.Raw(one.record.value() or b""),
            )
            scored.outputs.append(Output(topics.PREDICTIONS, one.key, _encode(prediction)))

    def _add_alerts(
        self,
        scored: ScoredBatch,
        valid: _ValidRecords,
        margins: Floats,
        decided: list[Decision],
        suspicious: list[int],
        scored_at: datetime,
    ) -> None:
        base, shares = self._model.explain(valid.matrix[suspicious])
        for index, contributions in zip(suspicious, shares, strict=True):
            one = valid.records[index]
            value = one.record.value() or b""
            # decode again: about one record in a thousand is an alert
            row = bytearray(self._model.decoder.encoder.row_bytes)
            sent = self._model.decoder.decode(value, row, 0, self._max_bytes)
            explained = ExplainedScore(
                scored_at,
                float(margins[index]),
                float(scored.probabilities[index]),
                decided[index],
                base,
                valid.matrix[index],
                contributions,
            )
            source = _find_source(one.record)
            raised = build_alert(self._model, value, sent, source, explained)
            scored.reasons.update(reason.feature for reason in raised.reasons)
            scored.outputs.append(Output(topics.ALERTS, one.key, _encode(raised)))


def _find_source(record: Record) -> Any:
    return SourceRecord(partition=record.partition(), offset=record.offset())
