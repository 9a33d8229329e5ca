"""Imports to skip, so that a process starts faster."""

import sys


def block_sklearn() -> None:
    """Keep XGBoost from importing scikit-learn, which takes 1.7 s of CPU.

    Call before importing XGBoost.
    """
    sys.modules["sklearn"] = None  # type: ignore[assignment]
