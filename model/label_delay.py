"""How late labels became known, where the file does not say."""

import numpy as np

from payments.arrays import Ints
from payments.schema.declaration import parse_span

_EXPONENTIAL = "exponential:"
_SEED = 20130901


def find_mean_delay(distribution: str) -> int:
    """Return the mean in ms of "7d", the same for all, or of "exponential:7d".

    Raises ValueError for another text.
    """
    return parse_span(distribution.removeprefix(_EXPONENTIAL))


def draw_delays(distribution: str, count: int) -> Ints:
    """Return the delays of the labels of `count` rows in ms, always the same ones.

    Raises ValueError as `find_mean_delay` does.
    """
    mean = find_mean_delay(distribution)
    if not distribution.startswith(_EXPONENTIAL):
        return np.full(count, mean)
    return np.rint(np.random.default_rng(_SEED).exponential(mean, count)).astype(np.int64)
