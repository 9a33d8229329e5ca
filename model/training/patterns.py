"""The patterns of reasons: which features an alert names, and how often such alerts are fraud."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
import xgboost

from model.alert import REASONS
from model.dataset import make_matrix
from model.manifest import ReasonPattern
from payments.features import FeatureEncoder

# A column of the reference: the features of a row's reasons, separated by commas, in the order of
# the booster; None for rows that are not among the highest scores.
PATTERN = "pattern"
# Of the rows. More alerts than this cannot be looked at, and explaining a row takes 0.3 ms.
_EXPLAINED_SHARE = 0.01


def explain_highest(
    reference: pd.DataFrame, boosters: Sequence[xgboost.Booster], encoder: FeatureEncoder
) -> "pd.Series[str]":
    """Return the column PATTERN, with the boosters of the folds in order.

    Calibration multiplies all contributions of a row by the same positive number, so that of the
    booster's own is not needed.
    """
    count = max(1, round(_EXPLAINED_SHARE * len(reference)))
    highest = np.argsort(-reference["probability"].to_numpy(), kind="stable")[:count]
    patterns: list[str | None] = [None] * len(reference)
    for number, booster in enumerate(boosters, 1):
        rows = np.sort(highest[reference["fold"].to_numpy()[highest] == number])
        if not len(rows):
            continue
        data = xgboost.DMatrix(
            make_matrix(reference.iloc[rows], encoder),
            feature_names=list(encoder.names),
            feature_types=encoder.feature_types,
            nthread=1,
        )
        contributions = np.asarray(booster.predict(data, pred_contribs=True))[:, :-1]
        strongest = np.argsort(-contributions, kind="stable", axis=1)[:, :REASONS]
        for row, features in zip(rows.tolist(), np.sort(strongest, axis=1).tolist(), strict=True):
            patterns[row] = ",".join(encoder.names[feature] for feature in features)
    return pd.Series(patterns, reference.index, "str")


def count_patterns(reference: pd.DataFrame, review: float) -> tuple[ReasonPattern, ...]:
    """Count alerts and frauds by pattern, the most frequent first.

    Empty for the reference of a model of an earlier release.
    """
    if PATTERN not in reference:
        return ()
    explained = reference[PATTERN].notna() & (reference["probability"] >= review)
    alerts = Counter(reference.loc[explained, PATTERN])
    frauds = Counter(reference.loc[explained & (reference["Class"] == 1), PATTERN])
    ordered = sorted(alerts, key=lambda pattern: (-alerts[pattern], pattern))
    return tuple(
        ReasonPattern(
            features=tuple(pattern.split(",")), alerts=alerts[pattern], frauds=frauds[pattern]
        )
        for pattern in ordered
    )
