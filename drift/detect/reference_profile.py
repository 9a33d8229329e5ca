"""What is usual for a model, from its reference."""

import numpy as np
import pandas as pd

from drift.detect.decision import Usual
from drift.detect.detector import COLUMNS, margins
from drift.detect.wasserstein import evenly
from model.artefact import Model
from payments.contract import INPUTS
from payments.features import matrix

# Exact contributions take about a millisecond a row; the mean of 500 is known to a twentieth of its size.
_EXPLAINED_ROWS = 500


def usual(model: Model) -> Usual:
    """From rows that were scored by boosters that had not seen them. Takes a second."""
    rows = pd.read_parquet(model.reference, columns=list(COLUMNS)).to_numpy(np.float64)
    _, contributions = model.explain(matrix(evenly(rows, _EXPLAINED_ROWS)[:, : len(INPUTS)]))
    mean = np.abs(contributions).mean(axis=0)
    share = float((rows[:, -1] >= margins(np.array([model.thresholds.review]))).mean())
    return Usual(
        dict(zip(model.features, (mean / (mean.sum() or 1.0)).tolist(), strict=True)), share
    )
