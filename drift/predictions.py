"""Decode the parts of predictions that drift detection needs."""

import logging
import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from confluent_kafka import Message

from drift.detect.detector import compute_margins
from payments.arrays import Floats, Ints
from payments.contract import FLOAT32_OVERFLOW, INPUTS, Decision
from payments.records import UNREADABLE
from streams.skipped_records import SkippedRecordLog

_skips = SkippedRecordLog(logging.getLogger(__name__))

# Only the fields that are needed: decoding the rest takes time. The limits are the contract's: one
# value beyond them would make every distance infinite.
_Float32 = Annotated[float, msgspec.Meta(gt=-FLOAT32_OVERFLOW, lt=FLOAT32_OVERFLOW)]
_Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Inputs = msgspec.defstruct("_Inputs", [(name, _Float32) for name in INPUTS], gc=False)
_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_Prediction = msgspec.defstruct(
    "_Prediction",
    [
        ("probability", _Probability),
        ("decision", Decision),
        ("event_time", _Time),
        ("transaction", _Inputs),
    ],
    gc=False,
)
_decoder = msgspec.json.Decoder(_Prediction)

WIDTH = len(INPUTS) + 3
"""Numbers in a row: V1..V28, Amount, probability, 0 or 1 for an alert, event time in ms."""
_PROBABILITY, _ALERT, _EVENT_TIME = range(len(INPUTS), WIDTH)
_pack = struct.Struct(f"={WIDTH}d").pack_into


class Decoded(NamedTuple):
    """Predictions that could be decoded.

    `positions`: partition, offset and record timestamp in ms, int64[n, 3]. `rows`: float64[n,
    WIDTH]. `skipped`: number of records that are not predictions.
    """

    positions: Ints
    rows: Floats
    skipped: int


def decode(messages: Sequence[Message]) -> Decoded:
    """Decode predictions; skip records that are none, because any client may write to the topic.

    Event times are limited to the record time, because a payment is made before it is sent:
    otherwise a clock a year ahead would hold its partition for a year. Event times before 1970
    become 1970.
    """
    positions = np.empty((len(messages), 3), np.int64)
    rows = np.empty((len(messages), WIDTH))
    buffer = rows.data.cast("B")
    count = 0
    for message in messages:
        try:
            _decode_into(buffer, count * WIDTH * 8, message.value() or b"")
        except UNREADABLE as error:
            _skips.add(message, error)
            continue
        positions[count] = message.partition(), message.offset(), message.timestamp()[1]
        count += 1
    positions = positions[:count]
    rows = rows[:count]
    rows[:, _EVENT_TIME] = np.clip(rows[:, _EVENT_TIME], 0, positions[:, 2])
    return Decoded(positions, rows, len(messages) - count)


def _decode_into(buffer: memoryview, offset: int, value: bytes) -> None:
    """Write a prediction's row into `buffer`, from byte `offset` on."""
    probability, decision, event_time, inputs = msgspec.structs.astuple(_decoder.decode(value))
    _pack(
        buffer,
        offset,
        *msgspec.structs.astuple(inputs),
        probability,
        decision != "approve",
        event_time.timestamp() * 1000,
    )


def get_event_times(rows: Floats) -> Ints:
    """Return int64[n], in ms since 1970."""
    return rows[:, _EVENT_TIME].astype(np.int64)


def get_inputs(rows: Floats) -> Floats:
    """Return the scored features, float64[n, inputs]."""
    return rows[:, : len(INPUTS)]


def get_probabilities(rows: Floats) -> Floats:
    """Return the fraud probabilities, float64[n]."""
    return rows[:, _PROBABILITY]


def make_detector_rows(rows: Floats) -> Floats:
    """Return float64[n, detector.COLUMNS], with margins in place of probabilities.

    Most probabilities are near 0, so a shift shows in margins only.
    """
    return np.column_stack([get_inputs(rows), compute_margins(get_probabilities(rows))])


def count_alerts(rows: Floats) -> int:
    """Return the number of rows that were not approved."""
    return int(rows[:, _ALERT].sum())
