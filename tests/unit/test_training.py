"""Training: the same rows give the same bytes, and no row serves two purposes."""

import labelled
import numpy as np
import pandas as pd
import pytest

from model import publish, training
from model.artefact import CARD, MANIFEST, MODEL, REFERENCE
from model.contract import INPUTS
from model.dataset import matrix, rows_sha256
from model.errors import TrainingError
from model.split import split
from model.thresholds import BLOCK_PRECISION, choose, outcome


def test_the_same_rows_give_the_same_bytes(trained, model, tmp_path):
    again = publish.save(training.train(labelled.rows(), "0" * 64), tmp_path)
    assert again.version == model.version
    for name in (MODEL, MANIFEST, REFERENCE, CARD):
        assert (again.directory / name).read_bytes() == (model.directory / name).read_bytes(), name


def test_other_rows_give_another_version(model, tmp_path):
    table = labelled.rows()
    table.loc[0, "V1"] += 0.5
    assert publish.save(training.train(table, "0" * 64), tmp_path).version != model.version


def test_the_test_part_changes_nothing(trained):
    table = labelled.rows()
    part = table.index[split(len(table)).test]
    table.loc[part, list(INPUTS)] *= -3.0
    table.loc[part, "Class"] = 1 - table.loc[part, "Class"]
    other = training.train(table, "0" * 64)
    assert other.booster.save_raw("ubj") == trained.booster.save_raw("ubj")
    assert other.thresholds == trained.thresholds
    assert other.usual == trained.usual
    pd.testing.assert_frame_equal(other.reference, trained.reference)


def test_the_labels_of_held_back_rows_do_not_reach_the_booster(trained):
    table = labelled.rows()
    part = table.index[split(len(table)).held_back]
    table.loc[part, "Class"] = 1 - table.loc[part, "Class"]
    other = training.train(table, "0" * 64)
    assert other.booster.save_raw("ubj") == trained.booster.save_raw("ubj")
    assert other.thresholds != trained.thresholds


def test_the_reference_is_the_held_back_rows_in_order_with_their_scores(trained, model):
    table = labelled.rows()
    held_back = table[split(len(table)).held_back].reset_index(drop=True)
    reference = pd.read_parquet(model.reference)
    pd.testing.assert_frame_equal(reference[list(held_back.columns)], held_back)
    assert list(reference.columns)[-2:] == ["margin", "probability"]
    np.testing.assert_array_equal(reference["margin"], model.margins(matrix(held_back)))
    fitted = table[split(len(table)).fitted]
    assert not reference.merge(fitted, on=["Time", *INPUTS]).size


def test_the_manifest_names_the_rows(model):
    manifest = model.manifest
    fitted = labelled.rows()[split(4000).fitted]
    assert manifest.fitted_on.rows_sha256 == rows_sha256(fitted)
    assert (manifest.fitted_on.first, manifest.fitted_on.last, manifest.fitted_on.rows) == (0, 2399, 2400)
    assert (manifest.held_back.first, manifest.held_back.last) == (2400, 3199)
    assert (manifest.test.first, manifest.test.last) == (3200, 3999)


def test_the_thresholds_are_those_of_the_held_back_rows(trained):
    fraud = trained.reference["Class"].to_numpy() == 1
    assert trained.thresholds == choose(trained.reference["probability"].to_numpy(), fraud)
    found = outcome(trained.reference["probability"].to_numpy(), fraud, trained.thresholds.block)
    assert found.precision >= BLOCK_PRECISION  # so some row reaches it


def test_usual_is_what_legitimate_fitted_rows_hold(model):
    fitted = labelled.rows()[split(4000).fitted]
    legitimate = fitted[fitted["Class"] == 0]
    low, high = model.usual["V14"]
    assert ((legitimate["V14"] < low).mean(), (legitimate["V14"] > high).mean()) == pytest.approx((0.01, 0.01), abs=0.001)
    assert tuple(model.usual) == INPUTS


def test_it_learns(trained):
    reference = trained.reference
    fraud = reference["Class"] == 1
    assert reference["probability"][fraud].median() > 20 * reference["probability"][~fraud].median()


@pytest.mark.parametrize("part", ["fitted", "held_back"])
@pytest.mark.parametrize("only", [0, 1])
def test_rows_of_one_class_are_refused(part, only):
    table = labelled.rows()
    table.loc[table.index[getattr(split(len(table)), part)], "Class"] = only
    with pytest.raises(TrainingError, match="no fraud" if only == 0 else "no legitimate"):
        training.train(table, "0" * 64)


def test_progress_counts_every_tree():
    told = []
    training.train(labelled.rows(), "0" * 64, told.append)
    assert told == list(range(1, training.TREES + 1))


def test_the_card_has_the_counts_and_says_that_the_test_part_was_not_opened(trained, model):
    card = (model.directory / CARD).read_text()
    fraud = trained.reference["Class"] == 1
    flagged = trained.reference["probability"] >= trained.thresholds.review
    precision = (fraud & flagged).sum() / flagged.sum()
    assert model.version in card
    assert f"| {flagged.sum()} | {(fraud & flagged).sum()} | {precision:.3f} |" in card
    assert "not opened" in card
    assert "anonymous" in card
