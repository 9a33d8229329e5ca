"""Inject drift into the rows of a file, with the disturbances of the simulator."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import msgspec
import numpy as np

from payments.arrays import Floats
from payments.contract import INPUTS
from producer.errors import SimulationError
from producer.rows import Row, encode_inputs
from producer.simulation.disturbance import ON_FEATURE, Disturbance, disturb_values
from producer.simulation.parameters import Parameters
from producer.templates import ID, TIME

_CHUNK = 1_000
SEED = 1


def disturb(
    rows: Iterable[Row], disturbances: Sequence[Disturbance], seed: int = SEED
) -> Iterator[Row]:
    """Yield the rows with disturbances applied. FROM and UNTIL count from the first row.

    Standard deviations are those of legitimate training rows, as in `fraud simulate`. The same
    seed gives the same rows. Raise SimulationError for a disturbance of the whole stream: it
    would need rows that the file does not have.
    """
    wrong = [one.kind for one in disturbances if one.kind not in ON_FEATURE]
    if wrong:
        raise SimulationError(
            f"{wrong[0]} cannot be applied to the rows of a file: "
            f"choose from {', '.join(ON_FEATURE)}, or use fraud simulate"
        )
    return _apply(iter(rows), disturbances, np.random.default_rng(seed))


def _apply(
    rows: Iterator[Row], disturbances: Sequence[Disturbance], random: np.random.Generator
) -> Iterator[Row]:
    parameters = Parameters.load()
    number = 0
    begin = 0.0
    while chunk := list(islice(rows, _CHUNK)):
        begin = begin if number else chunk[0].time
        where = (
            np.arange(number, number + len(chunk)),
            np.array([row.time for row in chunk]) - begin,
        )
        number += len(chunk)
        chance = random.random(len(chunk))
        touched = np.any([one.find_active(*where) for one in disturbances], axis=0)
        if not touched.any():
            yield from chunk
            continue
        values = np.array([_decode_inputs(row.template) for row in chunk])
        disturb_values(disturbances, values, where, (parameters.mean, parameters.sd), chance)
        for row, is_touched, changed in zip(chunk, touched.tolist(), values, strict=True):
            yield _replace_inputs(row, changed) if is_touched else row


def _decode_inputs(template: bytes) -> list[float]:
    numbers = msgspec.json.decode(template.replace(ID, b"0", 1).replace(TIME, b"0", 1))
    return [numbers.get(name, np.nan) for name in INPUTS]


def _replace_inputs(row: Row, values: Floats) -> Row:
    numbers = [None if np.isnan(value) else repr(value).encode() for value in values.tolist()]
    return msgspec.structs.replace(row, template=encode_inputs(numbers, row.key))


def shift_halfway(rows: int) -> list[Disturbance]:
    """Return the demo's drift: V4, on which the model relies, shifts by 2 sd halfway through.

    The first whole window after the shift detects it (tried).
    """
    return [Disturbance("shift", rows // 2, size=2.0, feature="V4")]
