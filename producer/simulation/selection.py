"""Select candidates of the mixture by how frequent their like is in the data.

This is rejection sampling by a density ratio learned by boosted trees: S. Azadi et al.,
"Discriminator Rejection Sampling", ICLR 2019. Their ratio is unbounded and then clipped; here the
trees are fitted to the output of the clipped ratio.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from payments.arrays import Flags, Floats, Singles
from producer.simulation.parameters import MIN_ROWS

Bytes = NDArray[np.uint8]
TREES = 150
# The largest density ratio of data to mixture, and so the candidates drawn per transaction.
MOST = 2.0
_TREE: dict[str, Any] = {
    "tree_method": "hist",
    "max_depth": 6,
    "eta": 0.2,
    "max_delta_step": 3.0,  # in regions with hardly any data, one step would overshoot the ratio
    "min_child_weight": MIN_ROWS,  # a row of the data weighs 1, a candidate 0; see `fit`
    "base_score": 0.0,
    "nthread": 1,  # a different order of summation gives different bytes
}


class Selection:
    """The trees that `fit` returned, as a filter."""

    def __init__(self, trees: Bytes) -> None:
        self.booster = xgboost.Booster(model_file=bytearray(trees.tobytes()))

    def keep(self, values: Floats, chance: Floats) -> Flags:
        """Return bool[n], the candidates [n, 29] to keep. `chance`: [n], uniform on 0..1."""
        ratio: Floats = np.exp(
            self.booster.inplace_predict(values.astype(np.float32), predict_type="margin")
        )
        return np.asarray(chance * MOST < ratio, np.bool_)


def fit(rows: Floats, candidates: Floats, cuts: Sequence[Floats]) -> Bytes:
    """Fit trees whose leaves hold equal shares of kept `candidates` [m, 29] and `rows` [n, 29].

    `rows` are the distinct rows of the data. The first derivative is min(ratio, MOST) n/m for a
    candidate, its share of the kept ones, and -1 for a row: a leaf with sum 0 has equal
    shares. (Without the bound this is the log-linear density ratio of Y. Tsuboi et al., "Direct
    Density Ratio Estimation for Large-scale Covariate Shift Adaptation", SDM 2008.) The second
    derivative is its value at equal shares, 1 a row, so that at least MIN_ROWS rows support each
    leaf. `cuts`: for each column, the increasing values at which a tree may split.
    """
    is_row = np.repeat([True, False], [len(rows), len(candidates)])
    weight = len(rows) / len(candidates)
    second = is_row.astype(np.float64)

    def derivatives(margin: Floats, _: xgboost.DMatrix) -> tuple[Floats, Floats]:
        return np.where(is_row, -1.0, weight * np.exp(np.minimum(margin, np.log(MOST)))), second

    values = np.column_stack(
        [
            _round_down(column, at)
            for column, at in zip(np.vstack([rows, candidates]).T, cuts, strict=True)
        ]
    )
    bins = max(map(len, cuts)) + 2  # one for each cut
    trees = xgboost.train(
        _TREE | {"max_bin": bins}, xgboost.DMatrix(values, is_row), TREES, obj=derivatives
    )
    return np.frombuffer(trees.save_raw("ubj"), np.uint8)


def _round_down(column: Floats, cuts: Floats) -> Singles:
    """Round each value down to a cut: XGBoost splits only at values that it has seen."""
    below = np.concatenate([[cuts[0] - 1.0], cuts])
    return below[np.searchsorted(cuts, column, side="right")].astype(np.float32)
