"""Fixtures of the tests that break something while a replay is running; those marked `long` are left to `make chaos`."""

import pytest
from replays import replaying, undisturbed


@pytest.fixture
def replay(connection, creditcard):
    """A replay that is running."""
    with replaying(connection, creditcard) as process:
        yield process


@pytest.fixture(scope="session")
def expected(creditcard, model):
    """What an undisturbed run gives."""
    return undisturbed(creditcard, model)
