import numpy as np
import pytest

from drift.detect.reference_profile import measure


def test_a_model_relies_on_the_features_that_were_made_to_show_fraud(model):
    found = measure(model)
    assert sum(found.reliance.values()) == pytest.approx(1)
    strongest = sorted(found.reliance, key=found.reliance.get)[-3:]
    assert set(strongest) == {"V4", "V11", "V14"}
    assert 0 < found.alert_share < 0.2
    assert np.isfinite(found.alert_share)
