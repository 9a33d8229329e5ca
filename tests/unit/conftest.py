"""A model of made-up rows, trained once for all unit tests."""

import labelled
import pytest

from model import publish, training
from model.artefact import Model


@pytest.fixture(scope="session")
def trained() -> training.Trained:
    return training.train(labelled.rows(), "0" * 64)


@pytest.fixture(scope="session")
def model(trained, tmp_path_factory) -> Model:
    return publish.save(trained, tmp_path_factory.mktemp("models"))
