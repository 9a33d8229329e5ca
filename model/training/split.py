"""Which rows are for what: by time, never at random, because tomorrow's fraud is what a scorer meets."""

from dataclasses import dataclass
from itertools import pairwise

# The last half of the training part, in three: a fold is judged on one sixth, and fitted on everything before it.
_SIXTHS = 6
_FIRST_JUDGED = 3


@dataclass(frozen=True)
class Fold:
    """One forward fold: `judged` follows `fitted` directly, as tomorrow follows today."""

    fitted: slice
    judged: slice


@dataclass(frozen=True)
class Split:
    """Slices of rows in time order: `test` follows `train` and is for judging only; the folds lie inside `train`."""

    train: slice
    test: slice
    folds: tuple[Fold, ...]

    @property
    def out_of_fold(self) -> slice:
        """The rows that some fold judges, each exactly once."""
        return slice(self.folds[0].judged.start, self.folds[-1].judged.stop)


def split(n_rows: int) -> Split:
    """The first 80 % are for training; its folds are fitted on the first 50, 67 and 83 % of that, and judged on the sixth that follows."""
    train = n_rows * 4 // 5
    edges = [train * sixth // _SIXTHS for sixth in range(_FIRST_JUDGED, _SIXTHS + 1)]
    folds = tuple(
        Fold(slice(0, edge), slice(edge, following)) for edge, following in pairwise(edges)
    )
    return Split(slice(0, train), slice(train, n_rows), folds)
