"""A cut's thresholds come from rows before it, and its scores from a booster that saw no later."""

import numpy as np
import pytest
from support.data import labelled
from support.data.transactions import ENCODER

from model.artefact import compute_probabilities
from model.dataset import make_matrix
from model.manifest import Capacity
from model.training import pipeline
from model.training.calibration import fit_platt_scaling
from model.training.forward_cuts import CutRanges, read_cuts, try_policy
from model.training.recipe import Recipe
from model.training.thresholds import DEFAULT_POLICY


def test_what_follows_a_cut_does_not_choose_its_thresholds(trained):
    policy = DEFAULT_POLICY.model_copy(update={"review": Capacity(alerts_per_day=50)})
    honest = try_policy(policy, trained.reference, trained.manifest)
    for number, cut in enumerate(honest):
        changed = trained.reference.copy()
        later = changed.index >= cut.fitted.rows - trained.manifest.out_of_fold.first
        changed.loc[later, "Class"] = 1 - changed.loc[later, "Class"]
        changed.loc[later, ["ahead_1", "ahead_2", "ahead_3"]] *= -1
        again = try_policy(policy, changed, trained.manifest)[number]
        assert again.review == cut.review
        assert again.frauds == cut.judged.rows - cut.frauds


def test_each_cut_is_judged_by_a_booster_fitted_on_all_rows_before_it(trained):
    table = labelled.rows()
    cuts = trained.manifest.cuts
    assert [cut.fitted.rows for cut in cuts] == [1866, 2133, 2399, 2666, 2933]
    assert [cut.judged.last for cut in cuts] == [2665, 2932, 3199, 3199, 3199]
    cut, read = cuts[1], read_cuts(trained.reference, 1600, trained.manifest.payments_per_day)[1]
    booster = pipeline.fit_booster(
        table[: cut.fitted.rows], Recipe().with_directions(table, ENCODER), encoder=ENCODER
    )
    judged = table[cut.judged.first : cut.judged.last + 1]
    raw = booster.inplace_predict(make_matrix(judged, ENCODER), predict_type="margin").astype(float)
    before = trained.reference[: cut.fitted.rows - 1600]
    calibration = fit_platt_scaling(
        before["ahead_1"].to_numpy(float), before["Class"].to_numpy() == 1
    )
    scores = compute_probabilities(calibration.scale * raw + calibration.offset)
    np.testing.assert_allclose(read.after.probabilities, scores, rtol=1e-6)
    flagged = scores >= 0.2
    assert (cut.flagged, cut.caught) == (flagged.sum(), (flagged & (judged["Class"] == 1)).sum())
    assert cut.alerts_per_day == pytest.approx(
        flagged.sum() / (len(judged) / trained.manifest.payments_per_day)
    )


def test_ranges_are_the_mean_the_lowest_and_the_highest(trained):
    ranges = CutRanges.of(trained.manifest.cuts)
    recalls = [cut.recall for cut in trained.manifest.cuts]
    assert (ranges.recall.mean, ranges.recall.low, ranges.recall.high) == (
        pytest.approx(np.mean(recalls)),
        min(recalls),
        max(recalls),
    )
    assert CutRanges.of([]) == CutRanges(None, None, None)


def test_a_model_of_an_earlier_release_has_no_cuts(trained):
    assert read_cuts(trained.reference.drop(columns="segment"), 1600, 2000.0) == []
