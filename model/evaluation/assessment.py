"""One model judged on one set of rows: everything that the command prints, the page draws and the card keeps."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.artefact import Model, probabilities
from model.dataset import matrix
from model.evaluation import seen_rows
from model.evaluation.comparison import Comparison
from model.evaluation.evaluate import Evaluation, evaluate
from model.intervals import RESAMPLES
from model.manifest import Limits, Rows
from model.training.thresholds import LabelledScores


@dataclass(frozen=True)
class BaselineResult:
    """A baseline: its average precision on each of the folds (None where a fold has no fraud), and how it compares on the same rows."""

    folds: list[float | None]
    compared: Comparison


@dataclass(frozen=True)
class Sample:
    """Rows to be judged, as `model.dataset.read` returns them. `name` says which they are, `seen` how many the model was fitted on.

    `fitted` are the rows that it was fitted on; it and `seen` are None where those are not at hand.
    """

    name: str
    rows: pd.DataFrame
    is_test_part: bool
    fitted: pd.DataFrame | None
    seen: int | None


@dataclass(frozen=True)
class Assessment:
    """`twins` of the rows repeat a fitted one; `without_twins` judges the others, and is None where that is all of them, or none.

    `alerts_a_day` is the capacity that `review` was chosen for, None where it was chosen by cost.
    """

    version: str
    sample: Sample
    alerts_a_day: float | None
    duplicates: int | None
    folds: list[float]
    scored: LabelledScores
    evaluation: Evaluation
    without_duplicates: Evaluation | None

    def as_json(self) -> dict[str, Any]:
        """Plain values; `test` holds the metrics of the rows judged, whichever they are. No value is NaN."""
        found, rest = self.evaluation, self.without_duplicates
        return {
            "model": self.version,
            "data": {
                "name": self.sample.name,
                "is_test_part": self.sample.is_test_part,
                **{key: getattr(found, key) for key in ("rows", "frauds", "days")},
                "seen": self.sample.seen,
                "twins": self.duplicates,
            },
            **_parts(found),
            "folds": {"auprc": self.folds},
            "without_twins": rest
            and {"rows": rest.rows, "frauds": rest.frauds, "days": rest.days, **_parts(rest)},
        }


def _parts(found: Evaluation) -> dict[str, Any]:
    return {
        "at_capacity": {"capacity": asdict(found.room), **asdict(found.review)},
        "block": asdict(found.block),
        "test": asdict(found.metrics),
        "money": asdict(found.money),
        "alerts_a_day": [asdict(one) for one in found.rooms],
        "reliability": [asdict(group) for group in found.reliability],
    }


def select_rows(table: pd.DataFrame, rows: Rows) -> pd.DataFrame:
    """The rows that a manifest names."""
    return table.iloc[rows.first : rows.last + 1]


def assess(
    model: Model, sample: Sample, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> Assessment:
    """Scores and judges. `progress` is told the number of bootstrap samples done, and of how many."""
    scored = _scored(model, sample.rows)
    policy = model.manifest.policy
    capacity = policy.review.alerts_per_day if isinstance(policy, Limits) else None
    twin = None if sample.fitted is None else seen_rows.find_duplicates(sample.rows, sample.fitted)
    some = twin is not None and 0 < twin.sum() < len(twin)
    total = RESAMPLES * (2 if some else 1)
    evaluation = evaluate(
        scored, model.thresholds, capacity, progress=lambda done: progress(done, total)
    )
    rest = None
    if twin is not None and some:
        rest = evaluate(
            _chosen(scored, ~twin),
            model.thresholds,
            capacity,
            progress=lambda done: progress(RESAMPLES + done, total),
        )
    return Assessment(
        version=model.version,
        sample=sample,
        alerts_a_day=capacity,
        duplicates=None if twin is None else int(twin.sum()),
        folds=[fold.average_precision for fold in model.manifest.folds],
        scored=scored,
        evaluation=evaluation,
        without_duplicates=rest,
    )


def _scored(model: Model, rows: pd.DataFrame) -> LabelledScores:
    return LabelledScores(
        probabilities(model.margins(matrix(rows))),
        rows["Class"].to_numpy() == 1,
        rows["Amount"].to_numpy(np.float64),
    )


def _chosen(scored: LabelledScores, which: NDArray[np.bool_]) -> LabelledScores:
    return LabelledScores(
        scored.probabilities[which], scored.is_fraud[which], scored.amounts[which]
    )
