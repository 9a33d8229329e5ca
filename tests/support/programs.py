"""Programs of the operating system that some tests need."""

import os
import shutil

import pytest


def require_program(name: str) -> str:
    """Return the path of a program, named like its Debian package.

    If it is not installed, fail the test in CI and skip it elsewhere.
    """
    path = shutil.which(name)
    if path is None:
        outcome = pytest.fail if os.environ.get("CI") else pytest.skip
        outcome(f"{name} is not installed (Debian: apt-get install {name})")
    return path
