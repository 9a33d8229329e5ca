"""Find data that reveals the class: folds or single features that score too well."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from model.manifest import Manifest

# Average precision on creditcard.csv split by time is 0.82 on the folds, and 0.80 in public work.
# Above this, assume a leak.
SUSPICIOUS = 0.95


@dataclass(frozen=True)
class Leak:
    """An average precision that is too high, of a fold or of `features`, highest first."""

    average_precision: float
    features: tuple[str, ...]

    def __str__(self) -> str:
        where = f"of {', '.join(self.features)} alone" if self.features else "on a forward fold"
        return (
            f"the average precision {where} is {self.average_precision:.3f}, above {SUSPICIOUS}; "
            "find the leak before using this model"
        )


def find_leak(table: pd.DataFrame, manifest: Manifest) -> Leak | None:
    """Return the leak that a model's folds show, or None.

    `table` is what the model was trained on. The test part is not read.
    """
    judged = table.iloc[manifest.out_of_fold.first : manifest.out_of_fold.last + 1]
    # Features are checked alone too, because XGBoost can miss a leak: it puts two values into one
    # bin if one of them is as rare as fraud.
    single = {feature: _rank_by_feature(judged, feature) for feature in manifest.features}
    leaking = sorted(
        (feature for feature in manifest.features if single[feature] > SUSPICIOUS),
        key=lambda feature: -single[feature],
    )
    best = max(
        [fold.average_precision for fold in manifest.folds]
        + [single[feature] for feature in leaking]
    )
    return Leak(best, tuple(leaking)) if best > SUSPICIOUS else None


def _rank_by_feature(rows: pd.DataFrame, feature: str) -> float:
    """Return the better average precision of ranking by one feature upwards or downwards."""
    is_fraud = rows["Class"].to_numpy() == 1
    values = rows[feature].fillna(-np.inf).to_numpy(np.float64)
    return max(
        float(average_precision_score(is_fraud, scores))
        for scores in (np.nan_to_num(values), np.nan_to_num(-values))
    )
