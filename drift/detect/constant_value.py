"""A column that stands still: one value takes far more of a window than of what came before.

No distance sees it where that value lies amid the others, and a broken input's often does: a default, a mean, a zero.
"""

import numpy as np

from drift.windows.window import Floats


def excess(before: Floats, current: Floats) -> Floats:
    """float64[k, m] and float64[k, n], both sorted along their rows, to float64[k], -1..1, by column.

    The share that the commonest value of `current` has of it, less the share that this value has of `before`.
    """
    columns, rows = current.shape
    equal = np.zeros(current.shape, bool)  # to the next in its column
    np.equal(current[:, 1:], current[:, :-1], out=equal[:, :-1])
    pairs = np.flatnonzero(equal)  # few, and next to each other where a value comes more than twice
    begins = np.flatnonzero(np.diff(pairs, prepend=-2) > 1)
    lengths, runs = np.diff(begins, append=len(pairs)) + 1, pairs[begins]
    # Length and place in one number, so that the largest tells both; every value comes once at least, the last of a column among them.
    longest = current.size + rows * np.arange(1, columns + 1) - 1
    np.maximum.at(longest, runs // rows, lengths * current.size + runs)
    length, place = np.divmod(longest, current.size)
    known = np.bincount(
        np.flatnonzero(before == current.ravel()[place, None]) // before.shape[1], minlength=columns
    )
    return np.asarray(length / rows - known / before.shape[1])
