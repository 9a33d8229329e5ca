"""Whether a file gives its own answers away: forward folds that are judged too well, and the features that tell the class alone."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from model.manifest import Manifest
from payments.contract import INPUTS

# Average precision on creditcard.csv split by time: 0.82 on the folds, 0.80 in public work. Above this it is a leak until shown otherwise.
SUSPICIOUS = 0.95


@dataclass(frozen=True)
class Leak:
    """The folds, or one feature alone, do better than fraud can be known beforehand; `features`: those that do, the clearest first."""

    average_precision: float
    features: tuple[str, ...]

    def __str__(self) -> str:
        what = f"{', '.join(self.features)} alone" if self.features else "on a forward fold"
        return f"average precision {what} is {self.average_precision:.3f}, above {SUSPICIOUS}: find the leak before this model is used"


def find_leak(table: pd.DataFrame, manifest: Manifest) -> Leak | None:
    """The leak that the folds of a model give away, None where there is no sign of one. `table` is what it was trained on.

    The test part is not read.
    """
    judged = table.iloc[manifest.out_of_fold.first : manifest.out_of_fold.last + 1]
    # Whatever the trees made of it: of two values, one as rare as fraud, XGBoost makes one bin, and sees no difference.
    alone = {feature: _alone(judged, feature) for feature in INPUTS}
    telling = tuple(
        sorted(
            (feature for feature in INPUTS if alone[feature] > SUSPICIOUS),
            key=lambda feature: -alone[feature],
        )
    )
    best = max(
        [fold.average_precision for fold in manifest.folds]
        + [alone[feature] for feature in telling]
    )
    return Leak(best, telling) if best > SUSPICIOUS else None


def _alone(rows: pd.DataFrame, feature: str) -> float:
    """Average precision of a ranking by one feature, from above or from below."""
    truth, values = rows["Class"].to_numpy() == 1, rows[feature].to_numpy(np.float64)
    return max(float(average_precision_score(truth, scores)) for scores in (values, -values))
