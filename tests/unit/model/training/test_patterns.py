"""The patterns of reasons are those of the alerts that the folds' boosters would have raised."""

import numpy as np
from support.data import labelled
from support.data.transactions import ENCODER

from model.alert import REASONS
from model.dataset import make_matrix
from model.split import split
from model.training import pipeline
from model.training.patterns import count_patterns
from model.training.recipe import Recipe
from payments.contract import INPUTS


def test_a_pattern_is_the_set_of_the_five_strongest_features(trained):
    import xgboost

    table = labelled.rows()
    reference = trained.reference
    explained = reference.index[reference["pattern"].notna()]
    assert len(explained) == 16  # 1% of the rows, those with the highest scores
    assert reference.loc[explained, "probability"].min() >= reference["probability"].quantile(0.985)
    fold = split(len(table)).folds[0]
    booster = pipeline.fit_booster(
        table[fold.fitted], Recipe().with_directions(table, ENCODER), encoder=ENCODER
    )
    rows = [row for row in explained if reference["fold"][row] == 1]
    contributions = booster.predict(
        xgboost.DMatrix(make_matrix(reference.iloc[rows], ENCODER), feature_names=list(INPUTS)),
        pred_contribs=True,
    )[:, :-1]
    for row, line in zip(rows, contributions, strict=True):
        strongest = sorted(np.argsort(-line, kind="stable")[:REASONS])
        assert reference["pattern"][row] == ",".join(INPUTS[index] for index in strongest)


def test_alerts_and_frauds_are_counted_by_pattern(trained):
    reference = trained.reference.copy()
    reference["pattern"] = None
    reference.loc[:4, "pattern"] = ["V1,V2", "V3,V4", "V1,V2", "V1,V2", "V5,V6"]
    reference.loc[:4, "probability"] = [0.9, 0.8, 0.7, 0.5, 0.4]
    reference.loc[:4, "Class"] = [1, 0, 0, 1, 1]
    found = [(one.features, one.alerts, one.frauds) for one in count_patterns(reference, 0.5)]
    assert found == [(("V1", "V2"), 3, 2), (("V3", "V4"), 1, 0)]
    assert count_patterns(trained.reference.drop(columns="pattern"), 0.5) == ()
