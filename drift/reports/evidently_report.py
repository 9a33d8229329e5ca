"""Evidently's report on some rows beside what they were compared with, as one HTML page that needs no network.

Evidently takes seconds to import and seconds a report: a process that has anything else to do leaves this to another.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.detect.detector import COLUMNS, DRIFT_SHARE, METHOD, Verdict
from drift.detect.verdict import in_words
from drift.windows.window import Floats

_PREDICTION = COLUMNS[-1]


@dataclass(frozen=True)
class Labelled:
    """What was decided about n payments, and what they were: bool[n] each."""

    alert: NDArray[np.bool_]
    fraud: NDArray[np.bool_]

    @property
    def both(self) -> bool:
        """Whether there is an alert or a fraud, and one that is not: Evidently computes nothing where all are alike."""
        return bool((self.alert | self.fraud).any() and not (self.alert & self.fraud).all())


@dataclass(frozen=True)
class Task:
    """A report to be written to `path`: on float64[n, columns of drift.detect.detector.COLUMNS], which `verdict` was passed on or on a
    sample of them, and on those that have a label.
    """

    path: Path
    rows: Floats
    verdict: Verdict
    labelled: Labelled | None = None


def write(task: Task) -> None:
    """Data drift of all features and of the prediction, by the verdict's baseline and limits; with labels, classification quality too.

    The page is there as a whole or not at all. Raises OSError, and whatever Evidently raises.
    """
    snapshots = [data_drift(task)]
    if task.labelled is not None and task.labelled.both:
        snapshots.append(_quality(task.labelled))
    task.path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = task.path.with_suffix(".part")
    unfinished.write_text(_page(task.verdict, snapshots), encoding="utf-8")
    unfinished.replace(task.path)


def data_drift(task: Task) -> Any:
    """Evidently's snapshot of what a report says of drift. Raises whatever Evidently raises."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift
    from evidently.presets import DataDriftPreset

    names = list(COLUMNS)
    definition = DataDefinition(numerical_columns=names)
    current, known = (
        Dataset.from_pandas(pd.DataFrame(rows, columns=names), data_definition=definition)
        for rows in (task.rows, task.verdict.baseline)
    )
    limits = task.verdict.limits
    features = DataDriftPreset(
        columns=names, method=METHOD, per_column_threshold=limits, drift_share=DRIFT_SHARE
    )
    prediction = ValueDrift(column=_PREDICTION, method=METHOD, threshold=limits[_PREDICTION])
    return Report([features, prediction]).run(current, known)


def _quality(labelled: Labelled) -> Any:
    import pandas as pd
    from evidently import BinaryClassification, DataDefinition, Dataset, Report
    from evidently.presets import ClassificationPreset

    table = pd.DataFrame({"fraud": labelled.fraud.astype(int), "alert": labelled.alert.astype(int)})
    classification = BinaryClassification(target="fraud", prediction_labels="alert", pos_label=1)
    definition = DataDefinition(
        categorical_columns=["fraud", "alert"], classification=[classification]
    )
    return Report([ClassificationPreset()]).run(
        Dataset.from_pandas(table, data_definition=definition), None
    )


def _page(verdict: Verdict, snapshots: Iterable[Any]) -> str:
    from evidently.core.metric_types import render_widgets
    from evidently.legacy.renderers.html_widgets import group_widget

    widgets = [widget for snapshot in snapshots for widget in snapshot.to_snapshot_model().widgets]
    return str(render_widgets([_on_every_row(verdict), group_widget(title="", widgets=widgets)]))


def _on_every_row(verdict: Verdict) -> Any:
    """What Evidently says below is of a sample, and it has no test of the tail and none of what is stuck."""
    from evidently.legacy.renderers.html_widgets import CounterData, counter

    over = {name: distance / verdict.limits[name] for name, distance in verdict.distances.items()}
    farthest, stillest = (
        max(over, key=over.__getitem__),
        max(verdict.stuck, key=verdict.stuck.__getitem__),
    )
    shown = {
        "score": verdict.score,
        f"largest distance over its limit, {farthest}": over[farthest],
        "tail of the scores over its limit": verdict.tail,
        f"stuck at one value over its limit, {stillest}": verdict.stuck[stillest],
    }
    title = f"Verdict on every row: {in_words(verdict.detected, verdict.score, verdict.stuck)}"
    return counter(
        title=title, counters=[CounterData(label, f"{value:.3f}") for label, value in shown.items()]
    )
