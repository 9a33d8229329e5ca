"""Artefacts load as they were saved; damaged or foreign ones are refused."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from support.data import labelled
from support.data.transactions import CREDITCARD, ENCODER

from model import publish
from model.artefact import (
    CARD,
    LATEST,
    MANIFEST,
    MODEL,
    REFERENCE,
    Model,
    compute_probabilities,
    decide,
)
from model.dataset import make_matrix
from model.errors import (
    DamagedArtefactError,
    FeatureMismatchError,
    MissingArtefactError,
    NewerFormatError,
    OlderFormatError,
)
from model.manifest import (
    FORMAT_VERSION,
    Calibration,
    Capacity,
    Costs,
    derive_version,
    hash_content,
)
from model.training.calibration import calibrate_booster
from payments.contract import INPUTS, Thresholds


@pytest.fixture
def copy(model, tmp_path):
    """A copy of the artefact to damage."""
    return shutil.copytree(model.directory, tmp_path / model.version)


def rewrite(directory, **changes):
    """Write a valid manifest with other content."""
    content = json.loads((directory / MANIFEST).read_text()) | changes
    content["version"] = derive_version(content)
    (directory / MANIFEST).write_text(json.dumps(content))


def test_the_loaded_model_equals_the_trained_one(trained, model):
    rows = make_matrix(labelled.rows(), ENCODER)
    np.testing.assert_array_equal(
        model.compute_margins(rows), trained.booster.inplace_predict(rows, predict_type="margin")
    )
    assert model.thresholds == trained.manifest.thresholds
    assert model.features == INPUTS
    assert model.typical_ranges == trained.manifest.usual


def test_latest_is_a_relative_link_that_is_followed_once(model, trained):
    latest = model.directory.parent / LATEST
    assert str(latest.readlink()) == model.version
    assert Model.load(latest, CREDITCARD).directory == model.directory


def test_saving_again_replaces_a_damaged_artefact_and_leaves_no_other_files(trained, tmp_path):
    first = publish.save(trained, tmp_path)
    (first.directory / MODEL).write_bytes(b"spoiled")
    again = publish.save(trained, tmp_path)
    assert again.version == first.version
    assert {path.name for path in tmp_path.iterdir()} == {LATEST, first.version}


def test_the_files_of_an_artefact(model):
    assert {path.name for path in model.directory.iterdir()} == {MODEL, MANIFEST, REFERENCE, CARD}


def test_a_missing_artefact_says_what_to_run(tmp_path):
    with pytest.raises(MissingArtefactError, match="run: fraud train"):
        Model.load(tmp_path / "models" / LATEST, CREDITCARD)


@pytest.mark.parametrize("name", [MODEL, REFERENCE])
def test_a_changed_or_lost_file_is_refused(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(DamagedArtefactError, match=f"{name} was changed"):
        Model.load(copy, CREDITCARD)
    (copy / name).unlink()
    with pytest.raises(DamagedArtefactError, match=f"{name} cannot be read"):
        Model.load(copy, CREDITCARD)


def test_a_manifest_changed_by_hand_is_refused(copy):
    content = json.loads((copy / MANIFEST).read_text())
    content["thresholds"]["block"] = 0.999999
    (copy / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(DamagedArtefactError, match="was changed"):
        Model.load(copy, CREDITCARD)


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize(
    ("part", "fields"),
    [
        (Costs, ("cost_review", "cost_block")),
        (Capacity, ("alerts_per_day",)),
        (Calibration, ("scale", "offset")),
    ],
)
def test_no_number_of_a_manifest_is_one_that_json_does_not_have(part, fields, number):
    with pytest.raises(ValidationError, match="finite_number"):
        part(**dict.fromkeys(fields, number))


def test_a_manifest_with_a_number_that_json_does_not_have_is_refused(copy):
    content = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(
        json.dumps(content | {"policy": {"cost_review": np.inf, "cost_block": 20.0}})
    )
    with pytest.raises(DamagedArtefactError, match="is not a manifest"):
        Model.load(copy, CREDITCARD)
    with pytest.raises(ValueError, match="not JSON compliant"):
        derive_version({"number": np.nan})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"format_version": "x", "version": "y"}',
        f'{{"format_version": {FORMAT_VERSION}, "version": "y"}}',
        "\0",
    ],
)
def test_an_invalid_manifest_is_refused(copy, content):
    (copy / MANIFEST).write_text(content)
    with pytest.raises(DamagedArtefactError):
        Model.load(copy, CREDITCARD)


def test_a_newer_format_is_refused_before_the_rest_is_read(copy):
    rewrite(copy, format_version=FORMAT_VERSION + 1, something="that is not known yet")
    with pytest.raises(NewerFormatError, match=f"format {FORMAT_VERSION + 1}"):
        Model.load(copy, CREDITCARD)


def test_a_model_of_the_format_before_loads_without_what_it_lacks(copy):
    content = json.loads((copy / MANIFEST).read_text())
    for name in ("payments_per_day", "cuts", "patterns"):
        del content[name]
    content |= {
        "format_version": 3,
        "policy": {
            "review": {"alerts_per_day": 100.0},
            "block": {"precision": 0.95, "confidence": 0.9},
        },
    }
    content["version"] = derive_version({k: v for k, v in content.items() if k != "version"})
    (copy / MANIFEST).write_text(json.dumps(content))
    loaded = Model.load(copy, CREDITCARD).manifest
    assert (loaded.payments_per_day, loaded.cuts, loaded.patterns) == (None, (), ())
    assert loaded.policy.review == Capacity(alerts_per_day=100)


def test_an_older_format_is_refused_with_what_to_run(copy):
    rewrite(copy, format_version=1, held_back={"first": 2400, "last": 3199, "rows": 800})
    with pytest.raises(OlderFormatError, match=r"format 1, this release reads .* run: fraud train"):
        Model.load(copy, CREDITCARD)


@pytest.mark.parametrize("features", [list(INPUTS[::-1]), list(INPUTS[:-1]), [*INPUTS, "Hour"]])
def test_other_features_or_another_order_are_refused(copy, features):
    rewrite(copy, features=features)
    with pytest.raises(FeatureMismatchError):
        Model.load(copy, CREDITCARD)


def test_a_booster_of_other_features_is_refused(copy):
    booster = Model.load(copy, CREDITCARD).booster
    booster.feature_names = list(INPUTS[::-1])
    (copy / MODEL).write_bytes(booster.save_raw("ubj"))
    hashes = json.loads((copy / MANIFEST).read_text())["hashes"] | {
        MODEL: hash_content((copy / MODEL).read_bytes())
    }
    rewrite(copy, hashes=hashes)
    with pytest.raises(FeatureMismatchError):
        Model.load(copy, CREDITCARD)


def test_contributions_add_up_to_the_margin(model):
    rows = make_matrix(labelled.rows(), ENCODER)
    base, contributions = model.explain(rows)
    assert contributions.shape == (len(rows), len(INPUTS))
    np.testing.assert_allclose(
        base + contributions.sum(axis=1), model.compute_margins(rows), atol=1e-4, rtol=0
    )


def test_a_calibration_is_in_the_booster_for_margins_and_contributions_alike(model):
    rows = make_matrix(labelled.rows(200), ENCODER)
    before = model.compute_margins(rows)
    calibrated = replace(
        model, booster=calibrate_booster(model.booster, Calibration(scale=0.7, offset=-1.5))
    )
    np.testing.assert_allclose(
        calibrated.compute_margins(rows), 0.7 * before - 1.5, atol=1e-5, rtol=0
    )
    base, contributions = calibrated.explain(rows)
    np.testing.assert_allclose(
        base + contributions.sum(axis=1), calibrated.compute_margins(rows), atol=1e-4, rtol=0
    )


def test_a_row_scores_the_same_alone_and_in_a_batch(model):
    rows = make_matrix(labelled.rows(300), ENCODER)
    alone = np.concatenate(
        [model.compute_margins(rows[index : index + 1]) for index in range(len(rows))]
    )
    np.testing.assert_array_equal(alone, model.compute_margins(rows))
    assert model.compute_margins(rows[:0]).shape == (0,)


def test_the_logistic_function_keeps_its_precision_at_both_ends():
    margins = np.array([-1000.0, -700.0, -40.0, 0.0, 17.0, 30.0, 1000.0])
    with np.errstate(all="raise", under="ignore"):
        found = compute_probabilities(margins)
    assert found[0] == 0.0
    assert found[1] == pytest.approx(np.exp(-700.0), rel=1e-12)
    assert found[2] == pytest.approx(np.exp(-40.0), rel=1e-12)
    assert found[3] == 0.5
    assert 1.0 - found[4] == pytest.approx(
        np.exp(-17.0) / (1 + np.exp(-17.0)), rel=1e-8
    )  # lost in a float32
    assert 1.0 - found[5] == pytest.approx(np.exp(-30.0), rel=1e-2)
    assert found[6] == 1.0
    assert np.log(found[4] / (1 - found[4])) == pytest.approx(17.0, abs=1e-4)


def test_decisions_at_the_thresholds_own_values():
    thresholds = Thresholds(review=0.25, block=0.75)
    below = [np.nextafter(0.25, 0), 0.25, np.nextafter(0.75, 0), 0.75, 0.0, 1.0]
    assert decide(np.array(below), thresholds) == [
        "approve",
        "review",
        "review",
        "block",
        "approve",
        "block",
    ]
    assert decide(np.array([0.5]), Thresholds(review=0.5, block=0.5)) == ["block"]
    assert decide(np.array([]), thresholds) == []
