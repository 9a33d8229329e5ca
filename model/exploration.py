"""What a file of transactions holds, before any model: how many, how long, how often, and how the first day differs from the last."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from model.contract import INPUTS
from model.dataset import matrix
from model.intervals import Floats, Interval, proportion

DAY_S, HOUR_S = 86_400, 3_600
# Tukey's outer fences: farther than three interquartile ranges from the quartiles (Exploratory Data Analysis, 1977, ch. 2).
FENCE = 3.0
PSI_BINS = 10
_PSI_FLOOR = 1e-4  # a share that an empty bin is given, or the index would be infinite


@dataclass(frozen=True)
class Feature:
    """A column's distribution, and how far its last day is from its first: `ks` 0..1, `psi` from 0 on; None with one row only.

    `outliers` counts rows outside Tukey's outer fences.
    """

    name: str
    mean: float
    deviation: float
    minimum: float
    p1: float
    median: float
    p99: float
    maximum: float
    outliers: int
    ks: float | None
    psi: float | None


@dataclass(frozen=True)
class Hour:
    """One hour, counted from the first row: its transactions, the frauds among them, the mean Amount. Empty hours are left out."""

    hour: int
    transactions: int
    frauds: int
    mean_amount: float


@dataclass(frozen=True)
class Exploration:
    """`span_s`: seconds from the first row to the last. `duplicates`: rows that repeat V1..V28 and Amount of an earlier one.

    `compared` says which parts stand for the first and the last day. `fraud_amount` and `amount` are sums.
    """

    rows: int
    span_s: float
    duplicates: int
    duplicates_at_the_same_time: int
    duplicate_frauds: int
    frauds: int
    fraud_share: Interval
    amount: float
    fraud_amount: float
    compared: str
    features: list[Feature]
    hours: list[Hour]

    def as_json(self) -> dict[str, Any]:
        """Plain values; no value is NaN."""
        return asdict(self)


def explore(table: pd.DataFrame) -> Exploration:
    """Looks at rows as `model.dataset.read` returns them: one at least, in time order."""
    inputs = pd.DataFrame(matrix(table), columns=list(INPUTS))
    again = inputs.duplicated().to_numpy()
    at_once = inputs.assign(Time=table["Time"].to_numpy()).duplicated().to_numpy()
    is_fraud = table["Class"].to_numpy() == 1
    first, last, compared = days(table["Time"].to_numpy(np.float64))
    return Exploration(
        rows=len(table),
        span_s=float(table["Time"].iloc[-1] - table["Time"].iloc[0]),
        duplicates=int(again.sum()),
        duplicates_at_the_same_time=int(at_once.sum()),
        duplicate_frauds=int((again & is_fraud).sum()),
        frauds=int(is_fraud.sum()),
        fraud_share=proportion(int(is_fraud.sum()), len(table)),
        amount=float(table["Amount"].sum()),
        fraud_amount=float(table["Amount"][is_fraud].sum()),
        compared=compared,
        features=[_feature(name, table[name].to_numpy(np.float64), first, last) for name in INPUTS],
        hours=_hours(table),
    )


def days(times: Floats) -> tuple[slice, slice, str]:
    """The rows of the first and of the last day, counted from the first row; of a file of one day the first and the second half."""
    since = times - times[0]
    last = int(since[-1] // DAY_S)
    if last:
        name = f"day 1 against day {last + 1}"
        return slice(0, int(np.searchsorted(since, DAY_S))), slice(int(np.searchsorted(since, last * DAY_S)), len(times)), name
    half = len(times) // 2
    return slice(0, half), slice(half, len(times)), "the first half of the rows against the second, for there is one day only"


def psi(first: Floats, last: Floats) -> float:
    """Population stability index of float64[n] against float64[m], over PSI_BINS quantile bins of the first.

    The sum of (q - p) ln(q / p) over the bins' shares: Siddiqi, Credit Risk Scorecards, 2006, which calls 0.25 a marked shift.
    """
    inner = np.unique(np.quantile(first, np.linspace(0, 1, PSI_BINS + 1)[1:-1]))
    p, q = (np.bincount(np.searchsorted(inner, part, side="right"), minlength=len(inner) + 1) / len(part) for part in (first, last))
    p, q = np.maximum(p, _PSI_FLOOR), np.maximum(q, _PSI_FLOOR)
    return float(((q - p) * np.log(q / p)).sum())


def _feature(name: str, values: Floats, first: slice, last: slice) -> Feature:
    p1, low, median, high, p99 = np.quantile(values, [0.01, 0.25, 0.5, 0.75, 0.99])
    reach = FENCE * (high - low)
    both = len(values[first]) and len(values[last])
    return Feature(
        name=name,
        mean=float(values.mean()),
        deviation=float(values.std()),
        minimum=float(values.min()),
        p1=float(p1),
        median=float(median),
        p99=float(p99),
        maximum=float(values.max()),
        outliers=int(((values < low - reach) | (values > high + reach)).sum()),
        ks=float(ks_2samp(values[first], values[last], method="asymp").statistic) if both else None,
        psi=psi(values[first], values[last]) if both else None,
    )


def _hours(table: pd.DataFrame) -> list[Hour]:
    hour = ((table["Time"] - table["Time"].iloc[0]) // HOUR_S).astype(int)
    found = table.groupby(hour).agg(rows=("Class", "size"), frauds=("Class", "sum"), amount=("Amount", "mean"))
    return [Hour(int(index), int(rows), int(frauds), float(amount)) for index, rows, frauds, amount in found.itertuples()]
