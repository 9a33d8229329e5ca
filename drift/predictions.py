"""Reads from predictions what drift is measured on."""

import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
import numpy as np
from confluent_kafka import Message

from drift.detect.detector import margins
from drift.errors import BrokenPredictionError
from drift.windows.window import Floats, Ints
from payments.contract import INPUTS, Decision

# Of the embedded transaction only the model's inputs, of the prediction only what was decided and when: nothing else is decoded.
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
"""Numbers in a row: V1..V28, Amount, the probability, 1 where the decision was an alert, and the event time in ms since 1970."""
_PROBABILITY, _ALERT, _EVENT_TIME = range(len(INPUTS), WIDTH)
_pack = struct.Struct(f"={WIDTH}d").pack_into


def rows(messages: Sequence[Message]) -> Floats:
    """float64[n, WIDTH] of n predictions. Raises BrokenPredictionError.

    A payment is made before it is sent: an event time after the record's counts as the record's, so that a clock which is a year ahead
    does not hold its partition for a year. One before 1970 counts as 1970.
    """
    found = np.empty((len(messages), WIDTH))
    buffer, decode, astuple, size = (
        found.data.cast("B"),
        _decoder.decode,
        msgspec.structs.astuple,
        WIDTH * 8,
    )
    for i, message in enumerate(messages):
        try:
            probability, decision, event_time, inputs = astuple(decode(message.value() or b""))
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            where = f"{message.topic()}[{message.partition()}] offset {message.offset()}"
            raise BrokenPredictionError(
                f"{where} is not a prediction ({error}): look at the scorer that wrote it"
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
    found[:, _EVENT_TIME] = np.clip(found[:, _EVENT_TIME], 0, sent)
    return found


def places(messages: Sequence[Message]) -> Ints:
    """int64[n, 3]: partition, offset and record timestamp in ms."""
    return np.array(
        [(message.partition(), message.offset(), message.timestamp()[1]) for message in messages],
        np.int64,
    )


def event_times(rows: Floats) -> Ints:
    """int64[n]: in ms since 1970."""
    return rows[:, _EVENT_TIME].astype(np.int64)


def inputs(rows: Floats) -> Floats:
    """float64[n, inputs]: what was scored."""
    return rows[:, : len(INPUTS)]


def probabilities(rows: Floats) -> Floats:
    """float64[n]: what was found."""
    return rows[:, _PROBABILITY]


def columns(rows: Floats) -> Floats:
    """Rows as they were read, to the columns of drift.detect.detector.COLUMNS: the probability becomes the margin, whose bulk moves too."""
    return np.column_stack([inputs(rows), margins(probabilities(rows))])


def alerts(rows: Floats) -> int:
    """How many of the rows were not approved."""
    return int(rows[:, _ALERT].sum())
