"""Score the payments of a CSV file for a report without Kafka."""

from pathlib import Path

import numpy as np
import pandas as pd

from drift.detect.detector import margins
from drift.errors import FileError
from drift.reports.evidently_report import LabelledPayments
from model.artefact import Model
from model.errors import ModelError
from payments.arrays import Floats
from payments.contract import INPUTS
from payments.features import matrix


def score_file(model: Model, path: Path) -> tuple[Floats, LabelledPayments | None]:
    """Return float64[rows, detector.COLUMNS], and decisions and truth if the file has a Class.

    The file must have V1 to V28 and Amount; other columns are ignored. Raises FileError.
    """
    try:
        table = pd.read_csv(path)
        missing = [name for name in INPUTS if name not in table]
        if missing:
            raise FileError(
                f"{path} lacks the columns {', '.join(missing)}: V1 to V28 and Amount are required"
            )
        values = table[list(INPUTS)].to_numpy(np.float64)
        scores = model.margins(matrix(values))
    except (OSError, ValueError, ModelError) as error:
        raise FileError(f"{path} cannot be read as a CSV of numbers: {error}") from None
    labelled = None
    if "Class" in table:
        alert = scores >= margins(np.array([model.thresholds.review]))
        labelled = LabelledPayments(alert, table["Class"].to_numpy() == 1)
    return np.column_stack([values, scores]), labelled
