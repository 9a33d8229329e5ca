"""Evidently's report on a window and its baseline, as one HTML page that needs no network.

Evidently takes seconds to import and seconds per report: call this from a process that has nothing
else to do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drift.detect.columns import MARGIN, TOTAL_VARIATION, WASSERSTEIN, Column
from drift.detect.detector import Verdict
from drift.detect.verdict import describe_shift, describe_verdict
from model.files import write_atomically
from payments.arrays import Flags, Floats

_MISSING = "missing"


@dataclass(frozen=True)
class LabelledPayments:
    """Whether n payments raised an alert and whether they are fraud, bool[n] each."""

    alert: Flags
    fraud: Flags

    @property
    def has_two_classes(self) -> bool:
        """Return whether some payments are an alert or a fraud and some are not.

        Evidently computes nothing otherwise.
        """
        return bool((self.alert | self.fraud).any() and not (self.alert & self.fraud).all())


@dataclass(frozen=True)
class ReportRequest:
    """A report to write to `path`.

    `rows`: a window, or a sample of it, float64[n, verdict.columns]; `verdict`: on the whole
    window; `labelled`: its labelled payments; `shifted`: what has differed from the model's
    reference for ten windows.
    """

    path: Path
    rows: Floats
    verdict: Verdict
    labelled: LabelledPayments | None = None
    shifted: tuple[str, ...] = ()


def write_report(request: ReportRequest) -> None:
    """Write the drift of all features and the prediction, by the verdict's baseline and limits.

    With labels, add classification quality.
    The file appears complete or not at all. Raises OSError, and any error of Evidently.
    """
    snapshots = [measure_drift(request)]
    if request.labelled is not None and request.labelled.has_two_classes:
        snapshots.append(_measure_quality(request.labelled))
    write_atomically(request.path, _make_page(request, snapshots))


def measure_drift(request: ReportRequest) -> Any:
    """Return Evidently's snapshot on drift, without the columns of which one side has no value.

    Raises any error of Evidently.
    """
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift
    from evidently.presets import DataDriftPreset

    columns = request.verdict.columns
    tables = [_make_table(rows, columns.all) for rows in (request.rows, request.verdict.baseline)]
    shown = [
        column
        for column in columns.all
        if not any(table[column.label].isna().all() for table in tables)
    ]
    labels = [column.label for column in shown]
    definition = DataDefinition(
        numerical_columns=[column.label for column in shown if column.values is None],
        categorical_columns=[column.label for column in shown if column.values is not None],
    )
    current, baseline = (
        Dataset.from_pandas(table[labels], data_definition=definition) for table in tables
    )
    limits = {column.label: request.verdict.limits[column.name] for column in shown}
    _register_total_variation()
    features = DataDriftPreset(
        columns=labels,
        num_method=WASSERSTEIN,
        cat_method=TOTAL_VARIATION,
        per_column_threshold=limits,
        drift_share=columns.drift_share,
    )
    prediction = ValueDrift(column=MARGIN, method=WASSERSTEIN, threshold=limits[MARGIN])
    return Report([features, prediction]).run(current, baseline)


def _make_table(rows: Floats, columns: Iterable[Column]) -> Any:
    """Return the rows under their columns' labels, with categories as texts."""
    import pandas as pd

    return pd.DataFrame(
        {
            column.label: values if column.values is None else _name_values(values, column.values)
            for column, values in zip(columns, rows.T, strict=True)
        }
    )


def _name_values(codes: Floats, values: Sequence[str]) -> list[str]:
    names = [*values, _MISSING]
    return [names[code] for code in np.nan_to_num(codes, nan=len(values)).astype(int).tolist()]


def _register_total_variation() -> None:
    """Make the distance of categories known to Evidently, whose own "TVD" gives a p-value."""
    from evidently.legacy.calculations.stattests import StatTest, register_stattest
    from evidently.legacy.core import ColumnType

    def compare(before: Any, current: Any, _: ColumnType, limit: float) -> tuple[float, bool]:
        shares = current.value_counts(normalize=True)
        moved = shares.sub(before.value_counts(normalize=True), fill_value=0.0).abs().sum() / 2
        return float(moved), bool(moved >= limit)

    test = StatTest(TOTAL_VARIATION, "Total variation distance", [ColumnType.Categorical])
    register_stattest(test, compare)


def _measure_quality(labelled: LabelledPayments) -> Any:
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


def _make_page(request: ReportRequest, snapshots: Iterable[Any]) -> str:
    from evidently.core.metric_types import render_widgets
    from evidently.legacy.renderers.html_widgets import group_widget

    widgets = [widget for snapshot in snapshots for widget in snapshot.to_snapshot_model().widgets]
    return str(
        render_widgets([_make_verdict_widget(request), group_widget(title="", widgets=widgets)])
    )


def _make_verdict_widget(request: ReportRequest) -> Any:
    """Return the verdict on the whole window.

    Evidently sees a sample, and does not test the tail or constant values.
    """
    from evidently.legacy.renderers.html_widgets import CounterData, counter

    verdict = request.verdict
    ratios = {name: distance / verdict.limits[name] for name, distance in verdict.distances.items()}
    farthest = max(ratios, key=ratios.__getitem__)
    constant = max(verdict.constant_ratios, key=verdict.constant_ratios.__getitem__)
    values = {
        "score": verdict.score,
        f"largest distance / limit, {farthest}": ratios[farthest],
        "tail of the scores / limit": verdict.tail,
        f"stuck at one value / limit, {constant}": verdict.constant_ratios[constant],
    }
    words = describe_verdict(verdict.detected, verdict.score, verdict.constant_ratios)
    title = f"Verdict on all rows: {words}{describe_shift(request.shifted)}"
    return counter(
        title=title,
        counters=[CounterData(label, f"{value:.3f}") for label, value in values.items()],
    )
