"""Payments in a CSV file, scored: what a report without Kafka is made on."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drift.detect.detector import margins
from drift.errors import FileError
from drift.reports.evidently_report import Labelled
from drift.windows.window import Floats
from model.artefact import Model
from model.errors import ModelError
from payments.contract import INPUTS
from payments.features import matrix


def scored(model: Model, path: Path) -> tuple[Floats, Labelled | None]:
    """float64[n, columns of drift.detect.detector.COLUMNS] of its n rows, and what was decided and what they were, where it has a Class.

    V1 to V28 and Amount are needed, other columns are ignored. Raises FileError.
    """
    try:
        table = pd.read_csv(path)
        missing = [name for name in INPUTS if name not in table]
        if missing:
            raise FileError(
                f"{path} lacks the columns {', '.join(missing)}: V1 to V28 and Amount are needed"
            )
        values = table[list(INPUTS)].to_numpy(np.float64)
        found = model.margins(matrix(values))
    except (OSError, ValueError, ModelError) as error:
        raise FileError(f"{path} cannot be read as a CSV of numbers: {error}") from None
    alert = found >= margins(np.array([model.thresholds.review]))
    fraud: NDArray[np.bool_] | None = table["Class"].to_numpy() == 1 if "Class" in table else None
    return np.column_stack([values, found]), None if fraud is None else Labelled(alert, fraud)
