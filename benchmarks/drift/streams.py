"""Simulated streams as the monitor sees them: the columns of drift.detect.detector.COLUMNS, the margin by a model that saw none of the rows."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from drift.detect.detector import Reference
from model.artefact import Model
from payments.contract import INPUTS
from producer.simulation import Disturbance, Parameters, Settings, simulate
from producer.simulation.disturbance import on_values

Floats = NDArray[np.float64]
PARAMETERS = Parameters.load()
# 1.2 simulated days: with the daily rhythm a reference has to know each hour. `fraud train` on 427,500 rows leaves as many.
REFERENCE_ROWS = 171_000
_REFERENCE_SEED, _STREAM_SEED = 11, 12


def truth(rows: int) -> NDArray[np.bool_]:
    """Whether each of a stream's transactions is fraud; bool[rows]."""
    return np.concatenate([chunk.is_fraud for chunk in simulate(PARAMETERS, rows, _STREAM_SEED)])


def scored(model: Model, values: Floats) -> Floats:
    """float64[n, 29] to float64[n, 30]."""
    return np.column_stack([values, model.margins(values.astype(np.float32))])


def stream(model: Model, rows: int, rhythm: bool, seed: int = _STREAM_SEED) -> Iterator[Floats]:
    """Undisturbed rows from midnight on, some thousands at a time."""
    for chunk in simulate(PARAMETERS, rows, seed, settings=Settings(rhythm=rhythm)):
        yield scored(model, chunk.values)


def reference(model: Model, rhythm: bool) -> Reference:
    """Of another seed than the stream."""
    return Reference(np.concatenate(list(stream(model, REFERENCE_ROWS, rhythm, _REFERENCE_SEED))))


def disturbed(
    model: Model, rows: Floats, disturbance: Disturbance, random: np.random.Generator
) -> Floats:
    """`rows` with one of the simulator's disturbances of a feature, scored anew."""
    values = rows[:, : len(INPUTS)].copy()
    where = (np.arange(len(values)), np.zeros(len(values)))
    on_values(
        [disturbance], values, where, (PARAMETERS.mean, PARAMETERS.sd), random.random(len(values))
    )
    return scored(model, values)


def more_high_scores(
    rows: Floats, pool: Floats, share: float, factor: float, random: np.random.Generator
) -> Floats:
    """`rows` where those of `pool`, a `share` of the stream, are `factor` times as frequent: others give way to them."""
    taken = random.random(len(rows)) < (factor - 1) * share
    changed = rows.copy()
    changed[taken] = pool[random.integers(len(pool), size=int(taken.sum()))]
    return changed
