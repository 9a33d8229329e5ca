"""Decode the parts of predictions that drift detection needs.

A row is float64[features + 3]: what the model read, as numbers (`payments.features`), the
probability, 0 or 1 for an alert, and the event time in ms since 1970.
"""

import logging
import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
from confluent_kafka import Message

from drift.detect.columns import Columns
from drift.detect.detector import compute_margins
from payments.arrays import Floats, Ints
from payments.contract import FLOAT32_OVERFLOW, Decision
from payments.decoder import make_fields_reader
from payments.features import FeatureEncoder
from payments.records import UNREADABLE
from streams.skipped_records import SkippedRecordLog

_skips = SkippedRecordLog(logging.getLogger(__name__))

_Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_MORE = 3  # than features
_PROBABILITY, _ALERT, _EVENT_TIME = range(-_MORE, 0)


class Decoded(NamedTuple):
    """Predictions that could be decoded.

    `positions`: partition, offset and record timestamp in ms, int64[n, 3]. `rows`: float64[n,
    width]. `skipped`: number of records that are not predictions.
    """

    positions: Ints
    rows: Floats
    skipped: int


class PredictionDecoder:
    """Decodes the predictions of a model to rows of `width` numbers.

    It reads only the fields that are needed: decoding the rest takes time.
    """

    def __init__(self, encoder: FeatureEncoder) -> None:
        self._encoder = encoder
        self._schemas = (None, encoder.schema.reference)
        self.width = len(encoder.names) + _MORE
        transaction, self._read = make_fields_reader(encoder.schema, encoder.inputs)
        derived = len(encoder.names) - len(encoder.inputs)
        fields: list[Any] = [
            ("probability", _Probability),
            ("decision", Decision),
            ("event_time", _Time),
            ("transaction", transaction),
            ("schema", str | None, None),  # version 1 of the contract has none
        ]
        if derived:
            exactly = msgspec.Meta(min_length=derived, max_length=derived)
            fields.append(("features", Annotated[list[float | None], exactly]))
        prediction = msgspec.defstruct("Prediction", fields, kw_only=True, gc=False)
        self._decode = msgspec.json.Decoder(prediction).decode
        self._pack = struct.Struct(f"={len(encoder.names) + _MORE}d").pack_into

    def decode(self, messages: Sequence[Message]) -> Decoded:
        """Decode predictions; skip records that are none: any client may write to the topic.

        Event times are limited to the record time, because a payment is made before it is sent:
        otherwise a clock a year ahead would hold its partition for a year. Event times before 1970
        become 1970.
        """
        positions = np.empty((len(messages), 3), np.int64)
        rows = np.empty((len(messages), self.width))
        buffer = rows.data.cast("B")
        decoded: list[Message] = []
        for message in messages:
            count = len(decoded)
            try:
                self._decode_into(buffer, count * self.width * 8, message.value() or b"")
            except UNREADABLE as error:
                _skips.add(message, error)
                continue
            positions[count] = message.partition(), message.offset(), message.timestamp()[1]
            decoded.append(message)
        positions = positions[: len(decoded)]
        rows = rows[: len(decoded)]
        # One value beyond the limit would make every distance infinite.
        fits = (np.abs(get_inputs(rows)) < FLOAT32_OVERFLOW) | np.isnan(get_inputs(rows))
        if len(wrong := np.flatnonzero(~fits.all(axis=1))):
            for index in wrong.tolist():
                _skips.add(decoded[index], OverflowError("a number does not fit a float32"))
            positions = np.delete(positions, wrong, axis=0)
            rows = np.delete(rows, wrong, axis=0)
        rows[:, _EVENT_TIME] = np.clip(rows[:, _EVENT_TIME], 0, positions[:, 2])
        return Decoded(positions, rows, len(messages) - len(rows))

    def _decode_into(self, buffer: memoryview, offset: int, value: bytes) -> None:
        """Write a prediction's row into `buffer`, from byte `offset` on."""
        probability, decision, event_time, inputs, schema, *derived = msgspec.structs.astuple(
            self._decode(value)
        )
        if schema not in self._schemas:
            raise msgspec.ValidationError("scored with another schema than the model's")
        numbers = self._encoder.convert(self._read(inputs))
        features = derived[0] if derived else ()
        self._pack(
            buffer,
            offset,
            *numbers,
            *[np.nan if feature is None else feature for feature in features],
            probability,
            decision != "approve",
            event_time.timestamp() * 1000,
        )


def get_event_times(rows: Floats) -> Ints:
    """Return int64[n], in ms since 1970."""
    return np.floor(rows[:, _EVENT_TIME]).astype(np.int64)


def get_inputs(rows: Floats) -> Floats:
    """Return what the model read, float64[n, features]."""
    return rows[:, :-_MORE]


def get_probabilities(rows: Floats) -> Floats:
    """Return the fraud probabilities, float64[n]."""
    return rows[:, _PROBABILITY]


def make_detector_rows(rows: Floats, columns: Columns) -> Floats:
    """Return float64[n, columns], with margins in place of probabilities.

    Most probabilities are near 0, so a shift shows in margins only.
    """
    return columns.make_rows(get_inputs(rows), compute_margins(get_probabilities(rows)))


def count_alerts(rows: Floats) -> int:
    """Return the number of rows that were not approved."""
    return int(rows[:, _ALERT].sum())
