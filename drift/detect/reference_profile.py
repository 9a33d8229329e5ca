"""Measure a model's behaviour on its reference rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drift.detect.columns import MARGIN, Columns
from drift.detect.detector import compute_margins
from drift.detect.wasserstein import sample_evenly
from model.intervals import UNDEFINED, Interval

if TYPE_CHECKING:
    from model.artefact import Model
    from model.manifest import Manifest

# Exact contributions take about 1 ms a row; the standard error of a mean over 500 rows is about 5%
# of it.
_EXPLAINED_ROWS = 500


@dataclass(frozen=True)
class ReferenceProfile:
    """A model's behaviour on its reference rows.

    `reliance`: by column, the share of its feature's contributions to the margins. `alert_share`:
    the share of payments that raise an alert. `card_alert_share`, `card_recall`: what the model
    card expects on later rows, with the lowest and the highest of its cuts; a budget takes the
    place of the alerts expected. UNDEFINED for models of an earlier release.
    """

    reliance: Mapping[str, float]
    alert_share: float
    card_alert_share: Interval = UNDEFINED
    card_recall: Interval = UNDEFINED


def measure(model: "Model") -> ReferenceProfile:
    """Return the profile of a model. Takes about a second.

    The reference rows were scored by boosters that had not been trained on them.
    """
    import pandas as pd  # 60 MB, which the monitor's own process does without

    table = pd.read_parquet(model.reference, columns=[*model.features, MARGIN])
    rows = table.to_numpy(np.float64)
    _, contributions = model.explain(
        sample_evenly(rows, _EXPLAINED_ROWS)[:, :-1].astype(np.float32)
    )
    mean = np.abs(contributions).mean(axis=0)
    shares = dict(zip(model.features, (mean / (mean.sum() or 1.0)).tolist(), strict=True))
    columns = Columns(model.decoder.encoder).all[:-1]  # without the margin
    alert_share = float(
        (rows[:, -1] >= compute_margins(np.array([model.thresholds.review]))).mean()
    )
    return ReferenceProfile(
        {column.name: shares[column.feature] for column in columns},
        alert_share,
        *_read_card(model.manifest),
    )


def _read_card(manifest: "Manifest") -> tuple[Interval, Interval]:
    """Return the alerts a payment and the recall that the model card expects."""
    from model.training.forward_cuts import CutRanges

    ranges = CutRanges.of(manifest.cuts)
    a_day = manifest.payments_per_day
    alerts = recall = UNDEFINED
    if ranges.alerts_per_day and a_day:
        expected = manifest.budget or ranges.alerts_per_day.mean
        low, high = ranges.alerts_per_day.low, ranges.alerts_per_day.high
        alerts = Interval(expected / a_day, low / a_day, high / a_day)
    if ranges.recall:
        recall = Interval(ranges.recall.mean, ranges.recall.low, ranges.recall.high)
    return alerts, recall
