"""What a file of transactions holds, before any model: how many, how long, how often, and how the first day differs from the last."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from model.dataset import COLUMNS, UnusableCells
from model.intervals import Floats, Interval, wilson_interval
from payments.contract import INPUTS

DAY_S, HOUR_S = 86_400, 3_600
# Tukey's outer fences: farther than three interquartile ranges from the quartiles (Exploratory Data Analysis, 1977, ch. 2).
FENCE = 3.0
PSI_BINS = 10
_PSI_FLOOR = 1e-4  # a share that an empty bin is given, or the index would be infinite


@dataclass(frozen=True)
class Feature:
    """A column's distribution, and how far its last day is from its first: `ks` 0..1, `psi` from 0 on; None with one value only.

    `outliers` counts rows outside Tukey's outer fences. A column without a value has None throughout.
    """

    name: str
    mean: float | None
    deviation: float | None
    minimum: float | None
    p1: float | None
    median: float | None
    p99: float | None
    maximum: float | None
    outliers: int
    ks: float | None
    psi: float | None


@dataclass(frozen=True)
class Hour:
    """One hour, counted from the first row: its transactions, the frauds among them, the mean Amount. Empty hours are left out."""

    hour: int
    transactions: int
    frauds: int | None
    mean_amount: float | None


@dataclass(frozen=True)
class Exploration:
    """`span_s`: seconds from the first row to the last. `duplicates`: rows that repeat V1..V28 and Amount of an earlier one.

    `out_of_order`: rows after one of a later Time. `compared` says which parts stand for the first and the last day. `fraud_amount` and
    `amount` are sums, `fraud_share` is that of the rows with a class. What is about frauds is None where no row has a class.
    """

    rows: int
    span_s: float
    out_of_order: int
    unusable: list[UnusableCells]
    duplicates: int
    duplicates_at_the_same_time: int
    duplicate_frauds: int | None
    frauds: int | None
    fraud_share: Interval | None
    amount: float
    fraud_amount: float | None
    compared: str
    features: list[Feature]
    hours: list[Hour]

    def as_json(self) -> dict[str, Any]:
        """Plain values; no value is NaN."""
        return asdict(self)


def explore(rows: pd.DataFrame, unusable: Sequence[UnusableCells] = ()) -> Exploration:
    """Looks at rows as `model.dataset.survey` returns them: one at least, in any order; NaN is left out of every number.

    Days and hours are those of the rows that have a Time, in its order.
    """
    table = rows.reindex(columns=list(COLUMNS)).sort_values(
        "Time", kind="stable"
    )  # those without a Time are the last
    times = table["Time"].dropna().to_numpy(np.float64)
    inputs = table[list(INPUTS)].astype(np.float32)  # as the model reads them
    again = inputs.duplicated().to_numpy()
    is_fraud, classed = table["Class"].to_numpy() == 1, int(table["Class"].notna().sum())
    first, last, compared = split_days(times)
    return Exploration(
        rows=len(table),
        span_s=float(times[-1] - times[0]) if len(times) else 0.0,
        out_of_order=int((rows["Time"] < rows["Time"].cummax()).sum()),
        unusable=list(unusable),
        duplicates=int(again.sum()),
        duplicates_at_the_same_time=int(inputs.assign(Time=table["Time"]).duplicated().sum()),
        duplicate_frauds=int((again & is_fraud).sum()) if classed else None,
        frauds=int(is_fraud.sum()) if classed else None,
        fraud_share=wilson_interval(int(is_fraud.sum()), classed) if classed else None,
        amount=float(table["Amount"].sum()),
        fraud_amount=float(table["Amount"][is_fraud].sum()) if classed else None,
        compared=compared,
        features=[_feature(name, table[name].to_numpy(np.float64), first, last) for name in INPUTS],
        hours=_hours(table[: len(times)]),
    )


def split_days(times: Floats) -> tuple[slice, slice, str]:
    """The rows of the first and of the last day, counted from the first row; of a file of one day the first and the second half."""
    if not len(times):
        return (
            slice(0, 0),
            slice(0, 0),
            "no row has a Time, and so there is no first day and no last",
        )
    since = times - times[0]
    last = int(since[-1] // DAY_S)
    if last:
        name = f"day 1 against day {last + 1}"
        return (
            slice(0, int(np.searchsorted(since, DAY_S))),
            slice(int(np.searchsorted(since, last * DAY_S)), len(times)),
            name,
        )
    half = len(times) // 2
    return (
        slice(0, half),
        slice(half, len(times)),
        "the first half of the rows against the second, for there is one day only",
    )


def psi(first: Floats, last: Floats) -> float:
    """Population stability index of float64[n] against float64[m], over PSI_BINS quantile bins of the first.

    The sum of (q - p) ln(q / p) over the bins' shares: Siddiqi, Credit Risk Scorecards, 2006, which calls 0.25 a marked shift.
    """
    inner = np.unique(np.quantile(first, np.linspace(0, 1, PSI_BINS + 1)[1:-1]))
    p, q = (
        np.bincount(np.searchsorted(inner, part, side="right"), minlength=len(inner) + 1)
        / len(part)
        for part in (first, last)
    )
    p, q = np.maximum(p, _PSI_FLOOR), np.maximum(q, _PSI_FLOOR)
    return float(((q - p) * np.log(q / p)).sum())


def _feature(name: str, values: Floats, first: slice, last: slice) -> Feature:
    begin, end, values = (part[~np.isnan(part)] for part in (values[first], values[last], values))
    if not len(values):
        return Feature(
            name, None, None, None, None, None, None, None, outliers=0, ks=None, psi=None
        )
    p1, low, median, high, p99 = np.quantile(values, [0.01, 0.25, 0.5, 0.75, 0.99])
    reach = FENCE * (high - low)
    both = len(begin) and len(end)
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
        ks=float(ks_2samp(begin, end, method="asymp").statistic) if both else None,
        psi=psi(begin, end) if both else None,
    )


def _hours(table: pd.DataFrame) -> list[Hour]:
    hour = ((table["Time"] - table["Time"].min()) // HOUR_S).astype(int)
    found = table.groupby(hour)
    counted = pd.DataFrame(
        {
            "rows": found.size(),
            "frauds": found["Class"].sum(min_count=1),
            "amount": found["Amount"].mean(),
        }
    )
    return [
        Hour(
            int(index),
            int(rows),
            None if np.isnan(frauds) else int(frauds),
            None if np.isnan(amount) else float(amount),
        )
        for index, rows, frauds, amount in counted.itertuples()
    ]
