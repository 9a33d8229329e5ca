"""Whether a file gives its own answers away: forward folds that are judged too well, and the features that tell the class alone."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from model.contract import INPUTS
from model.manifest import Manifest

# Average precision on creditcard.csv split by time: 0.82 on the folds, 0.80 in public work. Above this it is a leak until shown otherwise.
SUSPICIOUS = 0.95


@dataclass(frozen=True)
class Leak:
    """A fold was judged better than fraud can be known beforehand. `features`: those that alone do as well, the clearest first."""

    average_precision: float
    features: tuple[str, ...]

    def __str__(self) -> str:
        told = f"{', '.join(self.features)} alone {'tells' if len(self.features) == 1 else 'tell'} the class" if self.features else ""
        return (
            f"average precision on a forward fold is {self.average_precision:.3f}, above {SUSPICIOUS}: "
            f"find the leak before this model is used{'; ' if told else ''}{told}"
        )


def find(table: pd.DataFrame, manifest: Manifest) -> Leak | None:
    """The leak that the folds of a model give away, None where there is no sign of one. `table` is what it was trained on.

    The test part is not read.
    """
    best = max(fold.average_precision for fold in manifest.folds)
    if best <= SUSPICIOUS:
        return None
    judged = table.iloc[manifest.out_of_fold.first : manifest.out_of_fold.last + 1]
    alone = {feature: _alone(judged, feature) for feature in INPUTS}
    telling = [feature for feature in INPUTS if alone[feature] > SUSPICIOUS]
    return Leak(best, tuple(sorted(telling, key=lambda feature: -alone[feature])))


def _alone(rows: pd.DataFrame, feature: str) -> float:
    """Average precision of a ranking by one feature, from above or from below."""
    truth, values = rows["Class"].to_numpy() == 1, rows[feature].to_numpy(np.float64)
    return max(float(average_precision_score(truth, scores)) for scores in (values, -values))
