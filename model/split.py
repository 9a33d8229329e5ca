"""Which rows are for what: by time, never at random, because tomorrow's fraud is what a scorer meets."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Split:
    """Slices of rows in time order. `train` is `fitted` and `held_back` together; `test` follows it and is for judging only."""

    train: slice
    fitted: slice
    held_back: slice
    test: slice


def split(n_rows: int) -> Split:
    """The first 80 % are for training; the booster is fitted on three quarters of them, thresholds and reference come from the rest."""
    train = n_rows * 4 // 5
    fitted = train * 3 // 4
    return Split(slice(0, train), slice(0, fitted), slice(fitted, train), slice(train, n_rows))
