"""Decode the parts of predictions that drift detection needs."""

import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
import numpy as np
from confluent_kafka import Message

from drift.detect.detector import margins
from drift.errors import BrokenPredictionError
from payments.arrays import Floats, Ints
from payments.contract import INPUTS, Decision

# Only the fields that are needed: decoding the rest takes time.
_Inputs = msgspec.defstruct("_Inputs", [(name, float) for name in INPUTS], gc=False)
_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_Prediction = msgspec.defstruct(
    "_Prediction",
    [
        ("probability", float),
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


def rows(messages: Sequence[Message]) -> Floats:
    """Return float64[n, WIDTH] from n predictions. Raises BrokenPredictionError.

    Event times are limited to the record time, because a payment is made before it is sent:
    otherwise a clock a year ahead would hold its partition for a year. Event times before 1970
    become 1970.
    """
    decoded = np.empty((len(messages), WIDTH))
    buffer = decoded.data.cast("B")
    decode = _decoder.decode
    astuple = msgspec.structs.astuple
    size = WIDTH * 8
    for i, message in enumerate(messages):
        try:
            probability, decision, event_time, inputs = astuple(decode(message.value() or b""))
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            position = f"{message.topic()}[{message.partition()}] offset {message.offset()}"
            raise BrokenPredictionError(
                f"{position} is not a prediction ({error}): check the scorer that wrote it"
            ) from None
        _pack(
            buffer,
            i * size,
            *astuple(inputs),
            probability,
            decision != "approve",
            event_time.timestamp() * 1000,
        )
    sent = [message.timestamp()[1] for message in messages]
    decoded[:, _EVENT_TIME] = np.clip(decoded[:, _EVENT_TIME], 0, sent)
    return decoded


def positions(messages: Sequence[Message]) -> Ints:
    """Return int64[n, 3]: partition, offset and record timestamp in ms."""
    return np.array(
        [(message.partition(), message.offset(), message.timestamp()[1]) for message in messages],
        np.int64,
    )


def event_times(rows: Floats) -> Ints:
    """Return int64[n], in ms since 1970."""
    return rows[:, _EVENT_TIME].astype(np.int64)


def inputs(rows: Floats) -> Floats:
    """Return the scored features, float64[n, inputs]."""
    return rows[:, : len(INPUTS)]


def probabilities(rows: Floats) -> Floats:
    """Return the fraud probabilities, float64[n]."""
    return rows[:, _PROBABILITY]


def detector_rows(rows: Floats) -> Floats:
    """Return float64[n, detector.COLUMNS], with margins in place of probabilities.

    Most probabilities are near 0, so a shift shows in margins only.
    """
    return np.column_stack([inputs(rows), margins(probabilities(rows))])


def count_alerts(rows: Floats) -> int:
    """Return the number of rows that were not approved."""
    return int(rows[:, _ALERT].sum())
