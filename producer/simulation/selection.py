"""Which candidates of the mixture become transactions: those whose like is as frequent in the data, or more, are kept more often.

Rejection sampling by a density ratio that boosted trees have learnt: S. Azadi et al., "Discriminator Rejection Sampling", ICLR 2019. Their
ratio has no bound and is clipped; here the trees are fitted to what the clipped one lets through.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from producer.simulation.parameters import MIN_ROWS

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]
TREES = 150
# A row of the data can be at most so many times as frequent as the mixture has it; that many candidates are drawn for a transaction.
MOST = 2.0
_TREE: dict[str, Any] = {
    "tree_method": "hist",
    "max_depth": 6,
    "eta": 0.2,
    "max_delta_step": 3.0,  # where hardly a row of the data is, one step would otherwise go far beyond the ratio
    "min_child_weight": MIN_ROWS,  # a row of the data weighs 1 and a candidate 0, see `fit`
    "base_score": 0.0,
    "nthread": 1,  # sums in another order are other bytes
}


class Selection:
    """The trees that `fit` gave."""

    def __init__(self, trees: Bytes) -> None:
        self.booster = xgboost.Booster(model_file=bytearray(trees.tobytes()))

    def keeps(self, values: Floats, chance: Floats) -> NDArray[np.bool_]:
        """bool[n]: which of the candidates [n, 29] are kept, `chance` [n] being uniform in 0..1."""
        ratio: Floats = np.exp(
            self.booster.inplace_predict(values.astype(np.float32), predict_type="margin")
        )
        return np.asarray(chance * MOST < ratio, np.bool_)


def fit(rows: Floats, candidates: Floats, cuts: Sequence[Floats]) -> Bytes:
    """Trees under which, leaf by leaf, as large a share of the kept `candidates` [m, 29] lies as of the data's distinct `rows` [n, 29].

    The first derivative of a candidate is its share of what is kept, min(ratio, MOST) n/m, that of a row is -1: where the sum over a leaf
    is 0, the shares are equal. (Without the bound it is the log-linear density ratio of Y. Tsuboi et al., "Direct Density Ratio Estimation
    for Large-scale Covariate Shift Adaptation", SDM 2008.) The second derivative, whose sum is the least weight of a leaf, is what it comes
    to with equal shares, the number of rows: so each leaf rests on MIN_ROWS of them at least. `cuts`: for each of the columns the
    increasing values at which a tree may part the rows.
    """
    is_row = np.repeat([True, False], [len(rows), len(candidates)])
    weight = len(rows) / len(candidates)
    second = is_row.astype(np.float64)

    def derivatives(margin: Floats, _: xgboost.DMatrix) -> tuple[Floats, Floats]:
        return np.where(is_row, -1.0, weight * np.exp(np.minimum(margin, np.log(MOST)))), second

    values = np.column_stack(
        [_cut(column, at) for column, at in zip(np.vstack([rows, candidates]).T, cuts, strict=True)]
    )
    bins = max(map(len, cuts)) + 2  # so that each cut has one
    trees = xgboost.train(
        _TREE | {"max_bin": bins}, xgboost.DMatrix(values, is_row), TREES, obj=derivatives
    )
    return np.frombuffer(trees.save_raw("ubj"), np.uint8)


def _cut(column: Floats, cuts: Floats) -> NDArray[np.float32]:
    """Each value's next lower cut, for XGBoost parts at values that it has seen."""
    below = np.concatenate([[cuts[0] - 1.0], cuts])
    return below[np.searchsorted(cuts, column, side="right")].astype(np.float32)
