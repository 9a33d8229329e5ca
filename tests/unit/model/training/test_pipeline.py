"""Training is reproducible, and no row is judged by a booster that has seen it."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score
from support.data import labelled
from support.data.transactions import ENCODER

from model import publish
from model.artefact import CARD, MANIFEST, MODEL, REFERENCE, compute_probabilities
from model.dataset import hash_rows, make_matrix
from model.errors import TrainingError
from model.manifest import Costs
from model.split import split
from model.training import pipeline
from model.training.calibration import calibrate_booster
from model.training.recipe import Recipe
from model.training.thresholds import DEFAULT_POLICY, LabelledScores, choose_thresholds
from payments.contract import INPUTS


def test_the_same_rows_give_the_same_bytes(model, tmp_path):
    again = publish.save(pipeline.train(labelled.data(labelled.rows())), tmp_path)
    assert again.version == model.version
    for name in (MODEL, MANIFEST, REFERENCE, CARD):
        assert (again.directory / name).read_bytes() == (model.directory / name).read_bytes(), name


def test_other_rows_give_another_version(model, tmp_path):
    table = labelled.rows()
    table.loc[0, "V1"] += 0.5
    assert publish.save(pipeline.train(labelled.data(table)), tmp_path).version != model.version


def test_the_test_part_changes_nothing(trained):
    table = labelled.rows()
    part = table.index[split(len(table)).test]
    table.loc[part, list(INPUTS)] *= -3.0
    table.loc[part, "Class"] = 1 - table.loc[part, "Class"]
    other = pipeline.train(labelled.data(table))
    assert other.booster.save_raw("ubj") == trained.booster.save_raw("ubj")
    assert other.manifest == trained.manifest
    pd.testing.assert_frame_equal(other.reference, trained.reference)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_labels_of_a_fold_and_of_what_follows_do_not_reach_its_scores(number):
    table = labelled.rows()
    honest = pipeline.predict_out_of_fold(table, Recipe(), encoder=ENCODER)
    later = table.index[split(len(table)).folds[number].judged.start :]
    table.loc[later, "Class"] = 1 - table.loc[later, "Class"]
    np.testing.assert_array_equal(
        pipeline.predict_out_of_fold(table, Recipe(), encoder=ENCODER)[number], honest[number]
    )


def test_the_reference_is_the_out_of_fold_rows_in_order_with_their_scores(trained, model):
    table = labelled.rows()
    parts = split(len(table))
    judged = table[parts.out_of_fold].reset_index(drop=True)
    reference = pd.read_parquet(model.reference)
    pd.testing.assert_frame_equal(reference[list(judged.columns)], judged)
    assert list(reference.columns)[len(judged.columns) :] == [
        *("margin", "probability", "fold", "segment", "ahead_1", "ahead_2", "ahead_3", "pattern")
    ]
    np.testing.assert_array_equal(
        reference["probability"], compute_probabilities(reference["margin"].to_numpy())
    )
    for number, fold in enumerate(parts.folds, 1):
        booster = pipeline.fit_booster(
            table[fold.fitted], Recipe().with_directions(table, ENCODER), encoder=ENCODER
        )
        raw = booster.inplace_predict(
            make_matrix(table[fold.judged], ENCODER), predict_type="margin"
        ).astype(float)
        margins = model.manifest.calibration.scale * raw + model.manifest.calibration.offset
        np.testing.assert_array_equal(reference.loc[reference["fold"] == number, "margin"], margins)


def test_the_booster_is_fitted_on_the_whole_training_part(trained):
    table = labelled.rows()
    whole = calibrate_booster(
        pipeline.fit_booster(
            table[split(len(table)).train],
            Recipe().with_directions(table, ENCODER),
            encoder=ENCODER,
        ),
        trained.manifest.calibration,
    )
    assert whole.save_raw("ubj") == trained.booster.save_raw("ubj")


def test_the_manifest_names_the_rows(model):
    manifest = model.manifest
    assert manifest.fitted_on.rows_sha256 == hash_rows(labelled.rows()[:3200])
    assert (manifest.fitted_on.first, manifest.fitted_on.last) == (0, 3199)
    assert manifest.fitted_on.rows == 3200
    assert (manifest.out_of_fold.first, manifest.out_of_fold.last) == (1600, 3199)
    assert (manifest.test.first, manifest.test.last) == (3200, 3999)


def test_the_manifest_has_what_each_fold_gave(model):
    reference = pd.read_parquet(model.reference)
    for number, fold in enumerate(model.manifest.folds, 1):
        judged = reference[reference["fold"] == number]
        assert (fold.judged.rows, fold.judged.first) == (len(judged), fold.fitted.last + 1)
        assert fold.average_precision == pytest.approx(
            average_precision_score(judged["Class"], judged["probability"])
        )


def test_the_thresholds_are_those_of_the_policy_on_the_out_of_fold_rows(trained):
    scores = LabelledScores.from_reference(trained.reference, trained.manifest.payments_per_day)
    assert trained.manifest.policy == DEFAULT_POLICY
    assert trained.manifest.thresholds == choose_thresholds(DEFAULT_POLICY, scores)
    costs = Costs(cost_review=1, cost_block=50)
    other = pipeline.train(labelled.data(labelled.rows()), policy=costs).manifest
    assert other.policy == costs
    assert other.thresholds == choose_thresholds(costs, scores) != trained.manifest.thresholds


def test_typical_ranges_are_what_legitimate_fitted_rows_hold(model):
    fitted = labelled.rows()[split(4000).train]
    legitimate = fitted[fitted["Class"] == 0]
    low, high = model.typical_ranges["V14"]
    assert ((legitimate["V14"] < low).mean(), (legitimate["V14"] > high).mean()) == pytest.approx(
        (0.01, 0.01), abs=0.001
    )
    assert tuple(model.typical_ranges) == INPUTS


def test_it_learns(trained):
    reference = trained.reference
    fraud = reference["Class"] == 1
    assert reference["probability"][fraud].median() > 20 * reference["probability"][~fraud].median()


@pytest.mark.parametrize("first, last", [(0, 1600), (1600, 2133), (2133, 2666), (2666, 3200)])
@pytest.mark.parametrize("only", [0, 1])
def test_rows_of_one_class_are_refused(first, last, only):
    table = labelled.rows()
    table.loc[table.index[first:last], "Class"] = only
    with pytest.raises(TrainingError, match="no fraud" if only == 0 else "no legitimate"):
        pipeline.train(labelled.data(table))


def test_progress_counts_every_tree():
    seen = []
    recipe = Recipe(trees=5)
    pipeline.train(
        labelled.data(labelled.rows()),
        recipe,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(done, 35) for done in range(1, 36)]


def test_a_recipe_is_what_the_manifest_says(tmp_path):
    recipe = Recipe({"max_depth": 2, "eta": 0.3}, trees=7)
    saved = publish.save(pipeline.train(labelled.data(labelled.rows()), recipe), tmp_path)
    assert saved.booster.num_boosted_rounds() == saved.manifest.trees == 7
    assert saved.manifest.parameters["max_depth"] == 2
    assert saved.manifest.parameters["seed"] == recipe.all_parameters["seed"]


def test_labels_without_a_meaning_give_no_directions():
    table = labelled.rows()
    constrained = Recipe().with_directions(table, ENCODER).parameters["monotone_constraints"]
    assert set(constrained) & {"1"}
    table["Class"] = np.random.default_rng(1).permutation(table["Class"])
    unconstrained = Recipe().with_directions(table, ENCODER).parameters["monotone_constraints"]
    assert unconstrained.count("0") > constrained.count("0")


def test_a_constant_column_has_no_direction_and_gives_no_warning():
    table = labelled.rows().assign(V4=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recipe = Recipe().with_directions(table, ENCODER)
    assert recipe.parameters["monotone_constraints"][1:-1].split(",")[3] == "0"


def test_directions_come_from_rows_that_no_fold_judges():
    table = labelled.rows()
    constrained = Recipe().with_directions(table, ENCODER)
    later = table.index[split(len(table)).folds[0].judged.start :]
    table.loc[later, "Class"] = 1 - table.loc[later, "Class"]
    assert Recipe().with_directions(table, ENCODER) == constrained
