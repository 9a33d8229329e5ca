"""Fixtures of the tests that break something while a replay is running; those marked `long` are left to `make chaos`."""

import numpy as np
import pytest
from support.replays import predict_undisturbed

from model.publish import save_thresholds
from payments.contract import Thresholds


@pytest.fixture(scope="module")  # not longer: it changes the environment
def model(model, creditcard, tmp_path_factory):
    """The model in use, but suspicious of every fifth transaction: of its own few alerts hardly one would be in what is broken."""
    review, block = np.quantile(
        [*predict_undisturbed(creditcard, model).values()], [0.8, 0.9]
    ).tolist()
    models = tmp_path_factory.mktemp("models")
    wary = save_thresholds(
        model, Thresholds(review=review, block=block), model.manifest.policy, models
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRAUD_MODEL_DIR", str(wary.directory))
        yield wary


@pytest.fixture(scope="module")
def expected(creditcard, model):
    """What an undisturbed run gives."""
    return predict_undisturbed(creditcard, model)
