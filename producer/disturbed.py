"""Rows of a file with drift put in at a moment of one's choice: the disturbances of the simulator, on real rows."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import msgspec
import numpy as np
from numpy.typing import NDArray

from producer.errors import SimulationError
from producer.rows import Row
from producer.simulation.disturbance import ON_FEATURE, Disturbance, on_values
from producer.simulation.parameters import Parameters

_CHUNK = 1_000
SEED = 1


def disturbed(
    rows: Iterable[Row], disturbances: Sequence[Disturbance], seed: int = SEED
) -> Iterator[Row]:
    """The rows, those that are touched with other numbers. FROM and UNTIL count from the first of them.

    Standard deviations are those of legitimate training rows, as in `fraud simulate`. The same seed gives the same rows.
    Raises SimulationError for a disturbance of the stream, which needs rows that no file has.
    """
    wrong = [one.kind for one in disturbances if one.kind not in ON_FEATURE]
    if wrong:
        raise SimulationError(
            f"{wrong[0]} cannot be put into a file's rows: choose from {', '.join(ON_FEATURE)}, or use fraud simulate"
        )
    return _disturbed(iter(rows), disturbances, np.random.default_rng(seed))


def _disturbed(
    rows: Iterator[Row], disturbances: Sequence[Disturbance], random: np.random.Generator
) -> Iterator[Row]:
    parameters = Parameters.load()
    number, begin = 0, 0.0
    while chunk := list(islice(rows, _CHUNK)):
        begin = begin if number else chunk[0].time
        where = (
            np.arange(number, number + len(chunk)),
            np.array([row.time for row in chunk]) - begin,
        )
        number += len(chunk)
        chance = random.random(len(chunk))
        touched = np.any([one.active(*where) for one in disturbances], axis=0)
        if not touched.any():
            yield from chunk
            continue
        values = np.array([[float(text or "nan") for text in row.numbers] for row in chunk])
        on_values(disturbances, values, where, (parameters.mean, parameters.sd), chance)
        for row, is_touched, changed in zip(chunk, touched.tolist(), values, strict=True):
            yield msgspec.structs.replace(row, numbers=_texts(changed)) if is_touched else row


def _texts(values: NDArray[np.float64]) -> tuple[bytes | None, ...]:
    return tuple(None if np.isnan(value) else repr(value).encode() for value in values.tolist())


def halfway(rows: int) -> list[Disturbance]:
    """What the demo puts in: from the middle on V4, which the model relies on, lies 2 sd off; found in the first whole window (tried)."""
    return [Disturbance("shift", rows // 2, size=2.0, feature="V4")]
