"""The assessment of a model on a set of rows: what `fraud evaluate` prints, draws and keeps."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from model.artefact import Model, compute_probabilities
from model.dataset import make_matrix
from model.evaluation import seen_rows
from model.evaluation.evaluate import Evaluation, evaluate
from model.intervals import RESAMPLES
from model.manifest import Rows
from model.training.forward_cuts import CutRanges
from model.training.thresholds import LabelledScores
from payments.arrays import Flags


@dataclass(frozen=True)
class Sample:
    """Rows to evaluate, as returned by `model.dataset.read`.

    `payments_per_day` are those of the file that the rows are from. `fitted` are the rows that the
    model was fitted on, and `seen` counts the sample's rows among them; both are None if the fitted
    rows are not available.
    """

    name: str
    rows: pd.DataFrame
    payments_per_day: float
    is_test_part: bool
    fitted: pd.DataFrame | None
    seen: int | None


@dataclass(frozen=True)
class Assessment:
    """A model's evaluation on a sample.

    `features` are the model's. `alerts_a_day` is the capacity for which `review` was chosen; None
    if there is none. `expected` is what training measured on later rows. `duplicates` counts the
    rows that repeat a fitted one. `without_duplicates` evaluates the others; None if all rows are
    duplicates, or none.
    """

    version: str
    features: tuple[str, ...]
    sample: Sample
    alerts_a_day: float | None
    expected: CutRanges
    duplicates: int | None
    folds: list[float]
    scored: LabelledScores
    evaluation: Evaluation
    without_duplicates: Evaluation | None

    def as_json(self) -> dict[str, Any]:
        """Return plain values without NaN. `test` holds the metrics, whatever the sample is."""
        every = self.evaluation
        rest = self.without_duplicates
        return {
            "model": self.version,
            "data": {
                "name": self.sample.name,
                "is_test_part": self.sample.is_test_part,
                **_describe_sizes(every),
                "seen": self.sample.seen,
                "twins": self.duplicates,
            },
            **_describe_parts(every),
            "budget": _budget(self.alerts_a_day, every),
            "expected": asdict(self.expected),
            "folds": {"auprc": self.folds},
            "without_twins": rest and {**_describe_sizes(rest), **_describe_parts(rest)},
        }


def _describe_sizes(evaluation: Evaluation) -> dict[str, Any]:
    return {name: getattr(evaluation, name) for name in ("rows", "frauds", "days")}


def _budget(asked: float | None, evaluation: Evaluation) -> dict[str, Any] | None:
    """Return the alerts a day asked for and raised, and the share used; None without a budget."""
    if asked is None:
        return None
    raised = evaluation.review.alerts_a_day
    return {"asked": asked, "raised": raised, "used": raised / asked}


def _describe_parts(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "at_capacity": {"capacity": asdict(evaluation.at_capacity), **asdict(evaluation.review)},
        "block": asdict(evaluation.block),
        "test": asdict(evaluation.metrics),
        "money": asdict(evaluation.money),
        "alerts_a_day": [asdict(point) for point in evaluation.capacities],
        "trade_off": [asdict(point) for point in evaluation.trade_off],
        "reliability": [asdict(group) for group in evaluation.reliability],
    }


def select_rows(table: pd.DataFrame, rows: Rows) -> pd.DataFrame:
    """Return the rows of a table that a manifest names."""
    return table.iloc[rows.first : rows.last + 1]


def assess(
    model: Model, sample: Sample, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> Assessment:
    """Score and evaluate a sample.

    `progress` is called with the number of bootstrap samples done, and of all of them.
    """
    scored = _score(model, sample)
    capacity = model.manifest.budget
    duplicated = None
    if sample.fitted is not None:
        duplicated = seen_rows.find_duplicates(sample.rows, sample.fitted, model.decoder.encoder)
    some = duplicated is not None and 0 < duplicated.sum() < len(duplicated)
    total = RESAMPLES * (2 if some else 1)
    evaluation = evaluate(
        scored, model.thresholds, capacity, progress=lambda done: progress(done, total)
    )
    rest = None
    if duplicated is not None and some:
        rest = evaluate(
            _select(scored, ~duplicated),
            model.thresholds,
            capacity,
            progress=lambda done: progress(RESAMPLES + done, total),
        )
    return Assessment(
        version=model.version,
        features=model.features,
        sample=sample,
        alerts_a_day=capacity,
        expected=CutRanges.of(model.manifest.cuts),
        duplicates=None if duplicated is None else int(duplicated.sum()),
        folds=[fold.average_precision for fold in model.manifest.folds],
        scored=scored,
        evaluation=evaluation,
        without_duplicates=rest,
    )


def _score(model: Model, sample: Sample) -> LabelledScores:
    rows = sample.rows
    return LabelledScores(
        compute_probabilities(model.compute_margins(make_matrix(rows, model.decoder.encoder))),
        rows["Class"].to_numpy() == 1,
        rows["Amount"].to_numpy(np.float64),
        len(rows) / sample.payments_per_day,
    )


def _select(scored: LabelledScores, rows: Flags) -> LabelledScores:
    return LabelledScores(
        scored.probabilities[rows],
        scored.is_fraud[rows],
        scored.amounts[rows],
        scored.days * float(rows.mean()),
    )
