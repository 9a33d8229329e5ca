"""Simulated streams as the monitor sees them, with margins by a model that saw none of the rows.

Rows are float64[n, columns], with the columns of drift.detect.columns.Columns.
"""

from collections.abc import Iterator

import numpy as np

from drift.detect.columns import Columns
from drift.detect.detector import DriftDetector
from model.artefact import Model
from payments.arrays import Flags, Floats
from payments.contract import INPUTS
from producer.simulation import Disturbance, Parameters, SimulationOptions, simulate
from producer.simulation.disturbance import disturb_values

PARAMETERS = Parameters.load()
# 1.2 simulated days: with the daily rhythm, a reference must cover every hour. `fraud train` on
# 427,500 rows leaves as many.
REFERENCE_ROWS = 171_000
_REFERENCE_SEED = 11
_STREAM_SEED = 12


def simulate_labels(rows: int) -> Flags:
    """Return bool[rows]: whether each transaction of the stream is fraud."""
    return np.concatenate([chunk.is_fraud for chunk in simulate(PARAMETERS, rows, _STREAM_SEED)])


def append_margins(model: Model, values: Floats) -> Floats:
    """Append the margin to float64[n, 29] inputs; returns float64[n, 30]."""
    return np.column_stack([values, model.compute_margins(values.astype(np.float32))])


def simulate_stream(
    model: Model, rows: int, rhythm: bool, seed: int = _STREAM_SEED
) -> Iterator[Floats]:
    """Yield undisturbed rows, starting at midnight, a few thousand at a time."""
    for chunk in simulate(PARAMETERS, rows, seed, options=SimulationOptions(rhythm=rhythm)):
        yield append_margins(model, chunk.values)


def build_reference(model: Model, rhythm: bool) -> DriftDetector:
    """Build a reference from a different seed than the stream's."""
    parts = simulate_stream(model, REFERENCE_ROWS, rhythm, _REFERENCE_SEED)
    return DriftDetector(np.concatenate(list(parts)), Columns(model.decoder.encoder))


def disturb(
    model: Model, rows: Floats, disturbance: Disturbance, random: np.random.Generator
) -> Floats:
    """Apply one of the simulator's disturbances of a feature to `rows`, and score them again."""
    values = rows[:, : len(INPUTS)].copy()
    where = (np.arange(len(values)), np.zeros(len(values)))
    spread = (PARAMETERS.mean, PARAMETERS.sd)
    disturb_values([disturbance], values, where, spread, random.random(len(values)))
    return append_margins(model, values)


def add_high_scores(
    rows: Floats, pool: Floats, share: float, factor: float, random: np.random.Generator
) -> Floats:
    """Make the rows of `pool`, a `share` of the stream, `factor` times as frequent."""
    replaced = random.random(len(rows)) < (factor - 1) * share
    changed = rows.copy()
    changed[replaced] = pool[random.integers(len(pool), size=int(replaced.sum()))]
    return changed
