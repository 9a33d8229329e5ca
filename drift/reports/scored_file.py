"""Score the payments of a file for a report without Kafka."""

from pathlib import Path

import numpy as np

from drift.detect.detector import compute_margins
from drift.reports.evidently_report import LabelledPayments
from model import dataset
from model.artefact import Model
from model.dataset import CLASS
from payments.arrays import Floats
from payments.contract import INPUTS


def score_file(model: Model, path: Path) -> tuple[Floats, LabelledPayments | None]:
    """Return float64[rows, detector.COLUMNS], and decisions and truth if the file has a Class.

    Raises PaymentFileError.
    """
    table = dataset.read_inputs(path, model.decoder.encoder)
    values = table[list(INPUTS)].to_numpy(np.float64)
    scores = model.compute_margins(dataset.make_matrix(table, model.decoder.encoder))
    labelled = None
    if CLASS in table:
        alert = scores >= compute_margins(np.array([model.thresholds.review]))
        labelled = LabelledPayments(alert, table[CLASS].to_numpy() == 1)
    return np.column_stack([values, scores]), labelled
