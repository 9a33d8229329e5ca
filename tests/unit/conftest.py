"""A model of synthetic rows, trained once for all unit tests, and a registry of metrics."""

import pytest
from prometheus_client import CollectorRegistry
from support.data import labelled

from model import publish
from model.artefact import Model
from model.training import pipeline


@pytest.fixture(scope="session")
def trained() -> pipeline.TrainedModel:
    return pipeline.train(labelled.data(labelled.rows()))


@pytest.fixture(scope="session")
def model(trained, tmp_path_factory) -> Model:
    return publish.save(trained, tmp_path_factory.mktemp("models"))


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()
