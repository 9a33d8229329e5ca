"""The split of the rows by time, never at random, because a scorer meets tomorrow's fraud."""

from dataclasses import dataclass
from itertools import pairwise

# The folds are the last three sixths of the training part, each fitted on everything before it.
_SIXTHS = 6
_FIRST_JUDGED = 3


@dataclass(frozen=True)
class Fold:
    """A forward fold: `judged` directly follows `fitted`."""

    fitted: slice
    judged: slice


@dataclass(frozen=True)
class Split:
    """Slices of rows in time order.

    `test` follows `train` and is only for the final evaluation. The folds are inside `train`.
    """

    train: slice
    test: slice
    folds: tuple[Fold, ...]

    @property
    def out_of_fold(self) -> slice:
        """The rows that the folds judge, each exactly once."""
        return slice(self.folds[0].judged.start, self.folds[-1].judged.stop)


def split(n_rows: int) -> Split:
    """Split n rows: the first 80% for training, the rest for the test.

    The folds are fitted on the first 50, 67 and 83% of the training part, and judged on the sixth
    that follows.
    """
    train = n_rows * 4 // 5
    edges = [train * sixth // _SIXTHS for sixth in range(_FIRST_JUDGED, _SIXTHS + 1)]
    folds = tuple(
        Fold(slice(0, edge), slice(edge, following)) for edge, following in pairwise(edges)
    )
    return Split(slice(0, train), slice(train, n_rows), folds)
