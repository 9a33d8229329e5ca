"""A summary of a file of transactions: sizes, flaws, distributions, and drift between its days."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from model.dataset import AMOUNT, CLASS, TIME, UnusableCells
from model.intervals import Interval, estimate_share
from payments.arrays import Floats

DAY_S = 86_400
HOUR_S = 3_600
# Tukey's outer fences: three interquartile ranges from the quartiles (Exploratory Data Analysis,
# 1977, ch. 2).
FENCE = 3.0
PSI_BINS = 10
DENSITY_BINS = 50
_PSI_FLOOR = 1e-4  # share of an empty bin, to keep the index finite


@dataclass(frozen=True)
class FeatureSummary:
    """A column's distribution, and the distance between its first and last day.

    `ks` is in 0..1 and `psi` at least 0; both are None if a day has no value. `outliers` counts
    rows outside Tukey's outer fences. All numbers are None if the column has no value.
    """

    name: str
    mean: float | None = None
    deviation: float | None = None
    minimum: float | None = None
    p1: float | None = None
    median: float | None = None
    p99: float | None = None
    maximum: float | None = None
    outliers: int = 0
    ks: float | None = None
    psi: float | None = None


@dataclass(frozen=True)
class HourSummary:
    """The transactions of one hour, counted from the first row; empty hours are left out."""

    hour: int
    transactions: int
    frauds: int | None
    mean_amount: float | None


@dataclass(frozen=True)
class Exploration:
    """A summary of a file.

    `span_s` is the time from the first to the last row in seconds. `out_of_order` counts rows
    that follow one with a later Time, and `duplicates` rows that repeat the numbers of
    an earlier one. `amount` and `fraud_amount` are sums, and `fraud_share` is the share of the
    rows with a class. `compared` describes the first and the last day. Fields about frauds are
    None if no row has a class.
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
    features: list[FeatureSummary]
    hours: list[HourSummary]

    def as_json(self) -> dict[str, Any]:
        """Return plain values without NaN."""
        return asdict(self)


@dataclass(frozen=True)
class Density:
    """A column's distribution: for each class, the share of its values in each bin."""

    centres: Floats
    shares: dict[str, Floats]


def explore(
    rows: pd.DataFrame, unusable: Sequence[UnusableCells] = (), amount: str = AMOUNT
) -> Exploration:
    """Summarize at least one row, in any order, as returned by `model.dataset.survey`.

    `amount` is the column of the payments' amounts.

    NaN is left out of all numbers, and rows without a Time out of days and hours.
    """
    names = [str(name) for name in rows if name not in (TIME, CLASS)]
    rows = rows.reindex(columns=[TIME, *names, CLASS])
    # Rows without a Time come last.
    table = rows.sort_values("Time", kind="stable")
    times = table["Time"].dropna().to_numpy(np.float64)
    inputs = table[names].astype(np.float32)  # as the model reads them
    duplicated = inputs.duplicated().to_numpy()
    is_fraud = table["Class"].to_numpy() == 1
    classed = int(table["Class"].notna().sum())
    first, last, compared = split_days(times)
    return Exploration(
        rows=len(table),
        span_s=float(times[-1] - times[0]) if len(times) else 0.0,
        out_of_order=int((rows["Time"] < rows["Time"].cummax()).sum()),
        unusable=list(unusable),
        duplicates=int(duplicated.sum()),
        duplicates_at_the_same_time=int(inputs.assign(Time=table["Time"]).duplicated().sum()),
        duplicate_frauds=int((duplicated & is_fraud).sum()) if classed else None,
        frauds=int(is_fraud.sum()) if classed else None,
        fraud_share=estimate_share(int(is_fraud.sum()), classed) if classed else None,
        amount=float(table[amount].sum()),
        fraud_amount=float(table[amount][is_fraud].sum()) if classed else None,
        compared=compared,
        features=[
            _summarize_feature(name, table[name].to_numpy(np.float64), first, last)
            for name in names
        ],
        hours=_summarize_hours(table[: len(times)], amount),
    )


def split_days(times: Floats) -> tuple[slice, slice, str]:
    """Return the rows of the first and the last day, and a description of both.

    Days are counted from the first row. In a file of one day they are the two halves of the rows.
    """
    if not len(times):
        return slice(0, 0), slice(0, 0), "no row has a Time, so there are no days to compare"
    since = times - times[0]
    last = int(since[-1] // DAY_S)
    if last:
        first_day = slice(0, int(np.searchsorted(since, DAY_S)))
        last_day = slice(int(np.searchsorted(since, last * DAY_S)), len(times))
        return first_day, last_day, f"day 1 against day {last + 1}"
    half = len(times) // 2
    halves = "the first half of the rows against the second, because there is only one day"
    return slice(0, half), slice(half, len(times)), halves


def compute_psi(first: Floats, last: Floats) -> float:
    """Return the population stability index of float64[n] against float64[m].

    The sum of (q - p) ln(q / p) over the shares in PSI_BINS quantile bins of the first. Siddiqi,
    Credit Risk Scorecards, 2006, calls 0.25 a marked shift.
    """
    inner = np.unique(np.quantile(first, np.linspace(0, 1, PSI_BINS + 1)[1:-1]))
    p, q = (
        np.bincount(np.searchsorted(inner, part, side="right"), minlength=len(inner) + 1)
        / len(part)
        for part in (first, last)
    )
    p = np.maximum(p, _PSI_FLOOR)
    q = np.maximum(q, _PSI_FLOOR)
    return float(((q - p) * np.log(q / p)).sum())


def _summarize_feature(name: str, values: Floats, first: slice, last: slice) -> FeatureSummary:
    begin, end, values = (part[~np.isnan(part)] for part in (values[first], values[last], values))
    if not len(values):
        return FeatureSummary(name)
    p1, low, median, high, p99 = np.quantile(values, [0.01, 0.25, 0.5, 0.75, 0.99])
    reach = FENCE * (high - low)
    both = len(begin) and len(end)
    with np.errstate(divide="ignore"):  # the p-value of a few rows, which is not used
        ks = float(ks_2samp(begin, end, method="asymp").statistic) if both else None
    return FeatureSummary(
        name=name,
        mean=float(values.mean()),
        deviation=float(values.std()),
        minimum=float(values.min()),
        p1=float(p1),
        median=float(median),
        p99=float(p99),
        maximum=float(values.max()),
        outliers=int(((values < low - reach) | (values > high + reach)).sum()),
        ks=ks,
        psi=compute_psi(begin, end) if both else None,
    )


def _summarize_hours(table: pd.DataFrame, amount: str) -> list[HourSummary]:
    hour = ((table["Time"] - table["Time"].min()) // HOUR_S).astype(int)
    by_hour = table.groupby(hour)
    counted = pd.DataFrame(
        {
            "rows": by_hour.size(),
            "frauds": by_hour["Class"].sum(min_count=1),
            "amount": by_hour[amount].mean(),
        }
    )
    return [
        HourSummary(
            int(index),
            int(rows),
            None if np.isnan(frauds) else int(frauds),
            None if np.isnan(mean) else float(mean),
        )
        for index, rows, frauds, mean in counted.itertuples()
    ]


def estimate_densities(rows: pd.DataFrame, amount: str = AMOUNT) -> dict[str, Density]:
    """Return the distribution of each number by class, or of all rows if none has a class.

    Bins are from the 0.1st to the 99.9th percentile of all rows; that of the column
    `amount` is of log10(1 + amount).
    Columns without a value are left out.
    """
    classes = {"all rows": np.ones(len(rows), bool)}
    if "Class" in rows and rows["Class"].notna().any():
        classes = {
            "legitimate": rows["Class"].to_numpy() == 0,
            "fraud": rows["Class"].to_numpy() == 1,
        }
    densities = {}
    for name in rows.columns.drop([TIME, CLASS], errors="ignore"):
        values = rows[name].to_numpy(np.float64)
        if name == amount:
            values = np.log10(1 + values)
        present = ~np.isnan(values)
        if not present.any():
            continue
        low, high = np.quantile(values[present], [0.001, 0.999])
        edges = np.linspace(low, high, DENSITY_BINS + 1)
        shares = {
            label: _compute_shares(values[chosen & present], edges)
            for label, chosen in classes.items()
        }
        densities[name] = Density((edges[1:] + edges[:-1]) / 2, shares)
    return densities


def _compute_shares(values: Floats, edges: Floats) -> Floats:
    """Return the share of the values in each bin, which is comparable between classes."""
    return np.asarray(np.histogram(values, edges)[0] / max(len(values), 1))
