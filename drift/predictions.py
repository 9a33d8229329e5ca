"""Reads from predictions what drift is measured on."""

import struct
from collections.abc import Sequence

import msgspec
import numpy as np
from confluent_kafka import Message

from drift.errors import BrokenPredictionError
from drift.statistics import margins
from drift.windows import Floats, Ints
from model.contract import INPUTS, Decision

# Of the embedded transaction only the model's inputs, of the prediction only what was decided: nothing else is decoded.
_Inputs = msgspec.defstruct("_Inputs", [(name, float) for name in INPUTS], gc=False)
_Prediction = msgspec.defstruct("_Prediction", [("probability", float), ("decision", Decision), ("transaction", _Inputs)], gc=False)
_decoder = msgspec.json.Decoder(_Prediction)

WIDTH = len(INPUTS) + 2
"""Numbers in a row: V1..V28, Amount, the probability, and 1 where the decision was an alert."""
_PROBABILITY, _ALERT = len(INPUTS), len(INPUTS) + 1
_pack = struct.Struct(f"={WIDTH}d").pack_into


def rows(messages: Sequence[Message]) -> Floats:
    """float64[n, WIDTH] of n predictions. Raises BrokenPredictionError."""
    found = np.empty((len(messages), WIDTH))
    buffer, decode, astuple, size = found.data.cast("B"), _decoder.decode, msgspec.structs.astuple, WIDTH * 8
    for i, message in enumerate(messages):
        try:
            probability, decision, inputs = astuple(decode(message.value() or b""))
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            where = f"{message.topic()}[{message.partition()}] offset {message.offset()}"
            raise BrokenPredictionError(f"{where} is no prediction ({error}): look at the scorer that wrote it") from None
        _pack(buffer, i * size, *astuple(inputs), probability, decision != "approve")
    return found


def places(messages: Sequence[Message]) -> Ints:
    """int64[n, 3]: partition, offset and record timestamp in ms."""
    return np.array([(message.partition(), message.offset(), message.timestamp()[1]) for message in messages], np.int64)


def columns(rows: Floats) -> Floats:
    """Rows as they were read, to the columns of drift.statistics.COLUMNS: the probability becomes the margin, whose bulk moves too."""
    return np.column_stack([rows[:, : len(INPUTS)], margins(rows[:, _PROBABILITY])])


def alerts(rows: Floats) -> int:
    """How many of the rows were not approved."""
    return int(rows[:, _ALERT].sum())
