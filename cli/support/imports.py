"""What a process leaves out to start sooner."""

import sys


def block_sklearn() -> None:
    """To be called before XGBoost is imported: it would import scikit-learn, if only it is there, for 1.7 s of CPU at each start."""
    sys.modules["sklearn"] = None  # type: ignore[assignment]
