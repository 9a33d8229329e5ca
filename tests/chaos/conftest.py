"""Fixtures of the tests that break something during a replay.

Those marked `long` run only with `make chaos`.
"""

import numpy as np
import pytest
from support.replays import predict_undisturbed

from model.publish import save_thresholds
from payments.contract import Thresholds


@pytest.fixture(scope="module")  # no wider scope, because it changes the environment
def model(model, creditcard, tmp_path_factory):
    """The current model, with thresholds that make every fifth transaction an alert.

    With its own thresholds, alerts are so rare that a fault would affect hardly any.
    """
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
    """The probabilities of a run without faults."""
    return predict_undisturbed(creditcard, model)
