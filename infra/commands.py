"""Run a program to its end."""

from __future__ import annotations  # infra.preflight uses this on any Python 3.8+

import subprocess
from pathlib import Path
from typing import Mapping  # noqa: UP035 - collections.abc's takes no parameter in Python 3.8


def run(
    *command: str,
    stderr: int = subprocess.STDOUT,
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program without input and return its exit code and output.

    Raises OSError, TimeoutExpired.
    """
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
        env=env,
        cwd=cwd,
        check=False,
    )


def succeeds(*command: str, timeout: float | None = None) -> bool:
    """Return whether a program ends with exit code 0 within `timeout` seconds."""
    try:
        return run(*command, timeout=timeout).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
