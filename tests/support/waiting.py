"""Wait for a condition."""

import time
from collections.abc import Callable
from typing import Any

_POLL_S = 0.05


def wait_for(condition: Callable[[], Any], timeout: float, what: str) -> Any:
    """Return the condition's first truthy value.

    Raises AssertionError, naming `what`, after `timeout` seconds without one.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        time.sleep(_POLL_S)
