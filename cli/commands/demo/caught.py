"""Measure what the decisions of a run caught of the labelled frauds."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cli.commands.demo.measure import UNKNOWN, LiveReader
from model.artefact import Model
from model.evaluation.evaluate import CapacityPoint, measure_trade_off
from model.evaluation.ranking import METRICS, Ranking
from model.training.forward_cuts import CutRanges
from model.training.thresholds import LabelledScores, measure_payments_per_day
from payments.contract import DECISIONS

_APPROVE = DECISIONS.index("approve")


@dataclass(frozen=True)
class Caught:
    """What the alerts caught of the labelled frauds, None if undefined.

    `flagged` and `frauds_flagged` count labelled payments that are not approved. `money` is the
    frauds' Amount, and `money_flagged` the part in alerts. `alerts_per_day` are the flagged ones,
    `budget` those that `review` was chosen for, and `expected` what training measured.
    `trade_off`: what half, once and twice the alerts would have caught.
    """

    labelled: int
    frauds: int
    flagged: int
    frauds_flagged: int
    money: float
    money_flagged: float
    days: float
    budget: float | None
    expected: CutRanges
    average_precision: float | None
    roc_auc: float | None
    trade_off: list[CapacityPoint]

    @property
    def precision(self) -> float | None:
        """The share of frauds among the flagged."""
        return self.frauds_flagged / self.flagged if self.flagged else None

    @property
    def recall(self) -> float | None:
        """The share of the frauds that are flagged."""
        return self.frauds_flagged / self.frauds if self.frauds else None

    @property
    def alerts_per_day(self) -> float | None:
        """The flagged payments a day; None if nothing was labelled."""
        return self.flagged / self.days if self.days else None


def measure_caught(reader: LiveReader, truth: NDArray[np.int8], model: Model) -> Caught:
    """Measure what the decisions that were read caught of the labelled frauds."""
    known = (truth != UNKNOWN) & (reader.decisions != UNKNOWN)
    fraud = truth[known] == 1
    flagged = reader.decisions[known] != _APPROVE
    amounts = reader.amounts[known]
    scores = reader.probabilities[known]
    manifest = model.manifest
    rate = manifest.payments_per_day or measure_payments_per_day(
        pd.read_parquet(model.reference, columns=["Time"])
    )
    days = len(fraud) / rate
    scored = LabelledScores(scores, fraud, amounts, days)
    metrics = dict.fromkeys(METRICS)
    if fraud.any():
        values = Ranking(scores, fraud).compute(np.ones(len(fraud))).tolist()
        metrics |= {
            name: value for name, value in zip(METRICS, values, strict=True) if np.isfinite(value)
        }
    return Caught(
        labelled=int((truth != UNKNOWN).sum()),
        frauds=int(fraud.sum()),
        flagged=int(flagged.sum()),
        frauds_flagged=int((flagged & fraud).sum()),
        money=float(amounts[fraud].sum()),
        money_flagged=float(amounts[fraud & flagged].sum()),
        days=days,
        budget=manifest.budget,
        expected=CutRanges.of(manifest.cuts),
        average_precision=metrics["auprc"],
        roc_auc=metrics["roc_auc"],
        trade_off=measure_trade_off(scored, int(flagged.sum()) / days) if days else [],
    )
