"""The model card: numbers from the out-of-fold rows, and a record of opening the test part."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.data import labelled
from support.data.transactions import CREDITCARD

from model import publish
from model.artefact import CARD, Model
from model.evaluation.assessment import Sample, assess
from model.manifest import Capacity, Costs
from model.reports import card, card_test_part
from model.training.calibration import compute_brier_score, fit_platt_scaling
from model.training.thresholds import DEFAULT_POLICY, LabelledScores, choose_thresholds

OTHER = DEFAULT_POLICY.model_copy(update={"review": Capacity(alerts_per_day=400)})


@pytest.fixture
def copy(model, tmp_path):
    """Return a copy of the artefact in a new folder of models, which tests may change."""
    return Model.load(
        shutil.copytree(model.directory, tmp_path / "models" / model.version), CREDITCARD
    )


def opened(model):
    """The card's last section after `fraud evaluate`."""
    rows = labelled.rows()[3200:]
    sample = Sample("test part", rows, 2000.0, is_test_part=True, fitted=None, seen=0)
    card_test_part.record_opening(model.directory, assess(model, sample))
    return last_section(model)


def read_card(model):
    return (model.directory / CARD).read_text()


def last_section(model):
    return read_card(model).partition("## Test part\n")[2]


def rechosen(model, trained, policy=OTHER):
    """What `fraud threshold --save` does."""
    scores = LabelledScores.from_reference(trained.reference, trained.manifest.payments_per_day)
    chosen = choose_thresholds(policy, scores)
    return publish.save_thresholds(model, chosen, policy, model.directory.parent)


def test_it_has_the_counts_of_the_thresholds(trained, model):
    text = read_card(model)
    fraud = trained.reference["Class"] == 1
    flagged = trained.reference["probability"] >= model.thresholds.review
    precision = (fraud & flagged).sum() / flagged.sum()
    assert model.version in text
    assert f"| {flagged.sum()} | {(fraud & flagged).sum()} | {precision:.3f} |" in text
    assert "`review` is the score 0.2" in text


def test_it_has_the_folds_and_their_mean(model):
    text = read_card(model)
    values = [fold.average_precision for fold in model.manifest.folds]
    assert all(f"| {value:.3f} |" in text for value in values)
    assert f"| mean | | | {np.mean(values):.3f} |" in text


def test_calibration_is_measured_on_rows_that_it_was_not_fitted_on(trained, model):
    text = read_card(model)
    rows = trained.reference
    segment, raw = rows["segment"], rows["ahead_1"].astype(float)
    fraud = rows["Class"].to_numpy() == 1
    calibrated = raw.copy()
    for cut in range(1, 6):
        fitted = fit_platt_scaling(raw[segment < cut].to_numpy(), fraud[segment < cut])
        calibrated[segment == cut] = fitted.scale * raw[segment == cut] + fitted.offset
    later = (segment > 0).to_numpy()
    for name, margins in (("Before", raw), ("After", calibrated)):
        score = compute_brier_score(1 / (1 + np.exp(-margins[later].to_numpy())), fraud[later])
        assert f"{name}: Brier score {score:.6f}" in text


def test_recall_comes_from_later_rows_with_its_range(model):
    text = read_card(model)
    recalls = [cut.caught / cut.frauds for cut in model.manifest.cuts]
    expected = f"{np.mean(recalls):.2f} ({min(recalls):.2f} to {max(recalls):.2f})"
    assert f"Expect a recall of {expected} at `review`" in text
    assert "recall" not in text.partition("## Thresholds\n")[2].partition("\n\n`review` counts")[0]


def test_it_has_the_patterns_of_reasons(model):
    text = read_card(model)
    first = model.manifest.patterns[0]
    assert f"| {', '.join(first.features)} | {first.alerts} | {first.frauds} |" in text


def test_the_card_of_an_earlier_release_says_what_it_lacks(trained):
    manifest = trained.manifest.model_copy(
        update={"payments_per_day": None, "cuts": (), "patterns": ()}
    )
    earlier = trained.reference.drop(
        columns=["segment", "ahead_1", "ahead_2", "ahead_3", "pattern"]
    )
    text = card.render_card("v", manifest, earlier, CREDITCARD)
    assert text.count("Not measured: this model was trained by an earlier release") == 3


def test_the_test_part_is_unopened_until_it_is_evaluated(copy):
    before = read_card(copy)
    assert "**Not opened for this artefact**" in before
    section = opened(copy)
    assert "Not opened" not in section
    assert (
        f"for model {copy.version}, after it was fitted and its thresholds were chosen." in section
    )
    assert "| average precision | " in section
    assert read_card(copy).startswith(before[: before.index("**Not opened")])
    assert opened(copy) == section


def test_the_card_says_that_two_models_were_evaluated_before_the_defaults_were_chosen(copy):
    for section in (last_section(copy), opened(copy)):
        assert "was opened twice before the default parameters were chosen" in section
        assert "the part has been opened three\ntimes" in section
    page = Path(__file__).parents[4].joinpath("docs", "model.md").read_text()
    for figure in ("0.770", "0.778"):  # of the models before, as the page on the model gives them
        assert figure in section
        assert figure in page


def test_other_thresholds_do_not_make_the_card_forget_that_the_test_part_was_opened(copy, trained):
    measured = opened(copy).partition("chosen.")[2]
    other = rechosen(copy, trained)
    assert other.version != copy.version
    section = last_section(other)
    assert (
        f"for model {copy.version}, the same trees, before these thresholds were chosen." in section
    )
    assert section.count("| average precision | ") == 1
    assert "Not opened" not in section
    assert opened(other).startswith(section.rstrip())
    assert (
        f"for model {other.version}, after it was fitted and its thresholds were chosen."
        in last_section(other)
    )
    assert last_section(other).count("| average precision | ") == 2
    assert measured.partition("In brackets")[2] in last_section(other)


def test_returning_to_earlier_thresholds_keeps_all_openings(copy, trained):
    first = opened(copy)
    other = rechosen(copy, trained)
    opened(other)
    back = rechosen(other, trained, DEFAULT_POLICY)
    assert back.version == copy.version
    assert last_section(back).startswith(first.rstrip())
    assert (
        f"for model {other.version}, the same trees, before these thresholds were chosen."
        in last_section(back)
    )
    assert last_section(back).count("Opened by") == 2
    assert last_section(rechosen(back, trained, DEFAULT_POLICY)) == last_section(back)


def test_training_again_keeps_the_openings_of_the_same_version(copy, trained):
    section = opened(copy)
    again = publish.save(trained, copy.directory.parent)
    assert again.version == copy.version
    assert last_section(again) == section


def test_an_opening_in_an_earlier_card_is_kept(copy):
    text = read_card(copy)
    earlier = (
        "Opened by `fraud evaluate` for model 012, after it was fitted and its thresholds were "
        "chosen.\n\n| average precision | 0.8 |"
    )
    (copy.directory / CARD).write_text(
        f"{text.partition('## Test part')[0]}## Test part\n\n{earlier}\n"
    )
    assert earlier in opened(copy)
    assert last_section(copy).count("Opened by") == 2


def test_costs_are_described(trained):
    manifest = trained.manifest.model_copy(update={"policy": Costs(cost_review=5, cost_block=20)})
    text = card.render_card("v", manifest, trained.reference, CREDITCARD)
    assert "a review costs 5" in text
    assert "the score 0.2" not in text
