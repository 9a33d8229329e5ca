"""Fixtures of the tests that break something while a replay is running; those marked `long` are left to `make chaos`."""

import os

import pytest
from replays import replaying, undisturbed

LONG = os.environ.get("FRAUD_CHAOS") == "long"


def pytest_configure(config):
    config.addinivalue_line("markers", "long: run by `make chaos` only (FRAUD_CHAOS=long)")


def pytest_collection_modifyitems(config, items):
    left = [] if LONG else [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


@pytest.fixture
def replay(connection, creditcard):
    """A replay that is running."""
    with replaying(connection, creditcard) as process:
        yield process


@pytest.fixture(scope="session")
def expected(creditcard, model):
    """What an undisturbed run gives."""
    return undisturbed(creditcard, model)
