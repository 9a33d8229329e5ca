"""Fixtures of the tests that break something while a replay is running."""

import os

import pytest
from replays import replaying, undisturbed

LONG = os.environ.get("FRAUD_CHAOS") == "long"  # `make chaos`; `make test` takes a choice of the points and fewer rounds


@pytest.fixture
def replay(connection, creditcard):
    """A replay that is running."""
    with replaying(connection, creditcard) as process:
        yield process


@pytest.fixture(scope="session")
def expected(creditcard, model):
    """What an undisturbed run gives."""
    return undisturbed(creditcard, model)


@pytest.fixture(scope="session")
def rounds():
    """How often what is done again and again is done."""
    return 12 if LONG else 3
