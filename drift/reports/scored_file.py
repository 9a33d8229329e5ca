"""Score the payments of a file for a report without Kafka."""

from pathlib import Path

import numpy as np

from drift.detect.columns import Columns
from drift.detect.detector import compute_margins
from drift.reports.evidently_report import LabelledPayments
from model import dataset
from model.artefact import Model
from model.dataset import CLASS
from payments.arrays import Floats


def score_file(
    model: Model, columns: Columns, path: Path
) -> tuple[Floats, LabelledPayments | None]:
    """Return float64[rows, columns], and decisions and truth if the file has labels.

    Raises PaymentFileError.
    """
    table = dataset.read_inputs(path, model.decoder.encoder, model.manifest.label_delay)
    values = table[list(model.features)].to_numpy(np.float64)
    scores = model.compute_margins(dataset.make_matrix(table, model.decoder.encoder))
    labelled = None
    if CLASS in table:
        alert = scores >= compute_margins(np.array([model.thresholds.review]))
        labelled = LabelledPayments(alert, table[CLASS].to_numpy() == 1)
    return columns.make_rows(values, scores), labelled
