"""The model card: its numbers are those of the out-of-fold rows, and its last section is for whoever opens the test part."""

import numpy as np

from model import card
from model.artefact import CARD
from model.calibration import brier
from model.manifest import Costs


def test_it_has_the_counts_of_the_thresholds(trained, model):
    text = (model.directory / CARD).read_text()
    fraud, flagged = trained.reference["Class"] == 1, trained.reference["probability"] >= model.thresholds.review
    precision = (fraud & flagged).sum() / flagged.sum()
    assert model.version in text
    assert f"| {flagged.sum()} | {(fraud & flagged).sum()} | {precision:.3f} |" in text
    assert "100 alerts a day" in text


def test_it_has_the_folds_and_their_mean(model):
    text = (model.directory / CARD).read_text()
    values = [fold.average_precision for fold in model.manifest.folds]
    assert all(f"| {value:.3f} |" in text for value in values)
    assert f"| mean | | | {np.mean(values):.3f} |" in text


def test_it_has_the_brier_score_before_and_after_calibration(trained, model):
    text = (model.directory / CARD).read_text()
    fraud = trained.reference["Class"].to_numpy() == 1
    calibration = model.manifest.calibration
    raw = (trained.reference["margin"].to_numpy() - calibration.offset) / calibration.scale
    assert f"Before: Brier score {brier(1 / (1 + np.exp(-raw)), fraud):.6f}" in text
    assert f"After: Brier score {brier(trained.reference['probability'].to_numpy(), fraud):.6f}" in text


def test_it_says_that_the_test_part_was_not_opened_until_somebody_does(model):
    text = (model.directory / CARD).read_text()
    assert "**Not opened**" in text
    opened = card.with_test_part(text, "Average precision 0.8")
    assert "Not opened" not in opened
    assert opened.endswith("## Test part\n\nAverage precision 0.8\n")
    assert opened.startswith(text[: text.index("## Test part")])
    assert card.with_test_part(opened, "Average precision 0.8") == opened


def test_costs_are_told_as_such(trained):
    manifest = trained.manifest.model_copy(update={"policy": Costs(cost_review=5, cost_block=20)})
    text = card.text("v", manifest, trained.reference)
    assert "a review costs 5" in text
    assert "alerts a day" not in text
