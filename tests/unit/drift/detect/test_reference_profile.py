from types import SimpleNamespace

import numpy as np
import pytest

from drift.detect.reference_profile import measure
from model.intervals import UNDEFINED, Interval
from model.manifest import Capacity, Limits


def change_manifest(model, **changes):
    """Return what `measure` reads of a model, with another manifest."""
    read = ("reference", "explain", "features", "thresholds", "decoder")
    manifest = model.manifest.model_copy(update=changes)
    return SimpleNamespace(manifest=manifest, **{name: getattr(model, name) for name in read})


def test_a_model_relies_on_the_features_that_were_made_to_show_fraud(model):
    found = measure(model)
    assert sum(found.reliance.values()) == pytest.approx(1)
    strongest = sorted(found.reliance, key=found.reliance.get)[-3:]
    assert set(strongest) == {"V4", "V11", "V14"}
    assert 0 < found.alert_share < 0.2
    assert np.isfinite(found.alert_share)


def test_the_card_says_how_many_alerts_and_which_recall_to_expect(model):
    found = measure(model)
    a_day = model.manifest.payments_per_day
    alerts = [cut.flagged / cut.days / a_day for cut in model.manifest.cuts]
    recalls = [cut.caught / cut.frauds for cut in model.manifest.cuts if cut.frauds]
    assert found.card_alert_share == Interval(
        pytest.approx(np.mean(alerts)), pytest.approx(min(alerts)), pytest.approx(max(alerts))
    )
    assert found.card_recall == Interval(
        pytest.approx(np.mean(recalls)), pytest.approx(min(recalls)), pytest.approx(max(recalls))
    )


def test_a_budget_takes_the_place_of_the_alerts_expected(model):
    limits = Limits(review=Capacity(alerts_per_day=7), block=model.manifest.policy.block)
    found = measure(change_manifest(model, policy=limits)).card_alert_share
    assert found.value == 7 / model.manifest.payments_per_day
    assert found.low == min(
        cut.alerts_per_day / model.manifest.payments_per_day for cut in model.manifest.cuts
    )


def test_a_model_of_an_earlier_release_expects_nothing(model):
    found = measure(change_manifest(model, cuts=(), payments_per_day=None))
    assert (found.card_alert_share, found.card_recall) == (UNDEFINED, UNDEFINED)
