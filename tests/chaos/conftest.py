"""Fixtures of the tests that break something while a replay is running; those marked `long` are left to `make chaos`."""

import pytest
from replays import undisturbed


@pytest.fixture(scope="session")
def expected(creditcard, model):
    """What an undisturbed run gives."""
    return undisturbed(creditcard, model)
