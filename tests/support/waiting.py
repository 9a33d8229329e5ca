"""Wait for a condition."""

import os
import time
from collections.abc import Callable
from typing import Any

_POLL_S = 0.05


def wait_for(condition: Callable[[], Any], timeout: float, what: str) -> Any:
    """Return the condition's first truthy value.

    Raises AssertionError, naming `what`, after `timeout` seconds without one; later on a busy
    machine.
    """
    begun = time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        waited = time.monotonic() - begun
        if waited > timeout * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)):
            raise AssertionError(f"not within {waited:.0f} s: {what}")
        time.sleep(_POLL_S)
