"""A column that stands still: one value takes far more of a window than of what came before.

No distance sees it where that value lies amid the others, and a broken input's often does: a default, a mean, a zero.
"""

import numpy as np

from drift.windows import Floats


def excess(before: Floats, current: Floats) -> Floats:
    """float64[k, m] and float64[k, n], both sorted along their rows, to float64[k], -1..1, by column.

    The share that the commonest value of `current` has of it, less the share that this value has of `before`.
    """
    columns, rows = current.shape
    begins = np.ones(current.shape, bool)
    begins[:, 1:] = current[:, 1:] != current[:, :-1]
    runs = np.flatnonzero(begins)  # of equal values, over all columns one after the other
    lengths = np.diff(runs, append=current.size)
    # Length and place in one number, so that the largest tells both.
    longest = np.maximum.reduceat(lengths * current.size + runs, np.searchsorted(runs, np.arange(columns) * rows))
    length, place = np.divmod(longest, current.size)
    return np.asarray(length / rows - (before == current.ravel()[place, None]).mean(axis=1))
