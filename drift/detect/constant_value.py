"""Detect columns in which one value takes a far larger share of a window than of its baseline.

A failed input often sends such a value: a default, a mean, a zero. If it is close to the usual
values, no distance shows it.
"""

import numpy as np

from payments.arrays import Floats


def compute_excess(before: Floats, current: Floats) -> Floats:
    """Return float64[k], -1..1, from float64[k, m] and float64[k, n], both sorted along their rows.

    For each column: the share of the most common value of `current`, minus that value's share in
    `before`.
    """
    columns, rows = current.shape
    equal = np.zeros(current.shape, bool)  # to the next value in the column
    np.equal(current[:, 1:], current[:, :-1], out=equal[:, :-1])
    pairs = np.flatnonzero(equal)  # few; adjacent if a value occurs more than twice
    begins = np.flatnonzero(np.diff(pairs, prepend=-2) > 1)
    lengths = np.diff(begins, append=len(pairs)) + 1
    runs = pairs[begins]
    # Encode length and position in one number, so that the maximum yields both. Start with the
    # column's last value, of length 1.
    longest = current.size + rows * np.arange(1, columns + 1) - 1
    np.maximum.at(longest, runs // rows, lengths * current.size + runs)
    length, position = np.divmod(longest, current.size)
    same = np.flatnonzero(before == current.ravel()[position, None])
    count = np.bincount(same // before.shape[1], minlength=columns)
    return np.asarray(length / rows - count / before.shape[1])
