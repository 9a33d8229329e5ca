"""Reads from a prediction what drift is measured on."""

from typing import cast

import msgspec
import numpy as np
from confluent_kafka import Message

from drift.errors import BrokenPredictionError
from drift.statistics import margins
from drift.windows import Floats
from model.contract import INPUTS

# Of the embedded transaction only the model's inputs, of the prediction only its probability: nothing else is decoded.
_Inputs = msgspec.defstruct("_Inputs", [(name, float) for name in INPUTS], gc=False)
_Prediction = msgspec.defstruct("_Prediction", [("probability", float), ("transaction", _Inputs)], gc=False)
_decoder = msgspec.json.Decoder(_Prediction)


def row(message: Message) -> tuple[float, ...]:
    """V1..V28, Amount and the probability. Raises BrokenPredictionError."""
    try:
        found = _decoder.decode(message.value() or b"")
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        where = f"{message.topic()}[{message.partition()}] offset {message.offset()}"
        raise BrokenPredictionError(f"{where} is no prediction ({error}): look at the scorer that wrote it") from None
    return (*cast(tuple[float, ...], msgspec.structs.astuple(found.transaction)), found.probability)  # type: ignore[attr-defined]


def columns(rows: Floats) -> Floats:
    """Rows as they were read, to the columns of drift.statistics.COLUMNS: the probability becomes the margin, whose bulk moves too."""
    return np.column_stack([rows[:, :-1], margins(rows[:, -1])])
