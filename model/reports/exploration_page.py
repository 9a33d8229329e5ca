"""The HTML page of an exploration: the summary, what drifts most, the hours, and each column's distribution by class."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go  # type: ignore[import-untyped]
from numpy.typing import NDArray
from plotly.subplots import make_subplots  # type: ignore[import-untyped]

from model.evaluation.exploration import FENCE, Exploration
from model.intervals import Floats
from model.reports.html import COLOURS, document, heading, paragraph, plot, show, table
from payments.contract import INPUTS
from payments.display import ANONYMOUS

FEATURE_HEAD = ("", "mean", "sd", "min", "1 %", "median", "99 %", "max", "outliers", "KS", "PSI")
_BINS = 50
_ACROSS = 5
_ROW_HEIGHT = 190


def summarize(name: str, found: Exploration) -> list[str]:
    """The file in a few sentences."""
    moved = sorted(
        (one for one in found.features if one.psi is not None), key=lambda one: -(one.psi or 0.0)
    )[:3]
    return [
        f"{name}: {found.rows:,} rows over {found.span_s / 3600:.1f} hours.",
        *_flaws(found),
        _frauds(found),
        f"{found.duplicates:,} rows repeat V1..V28 and Amount of an earlier one, {found.duplicates_at_the_same_time:,} of them at the same "
        "Time"
        + (
            "."
            if found.duplicate_frauds is None
            else f"; {found.duplicate_frauds:,} of them are frauds."
        ),
        f"{found.compared[0].upper()}{found.compared[1:]}: "
        + (
            "; ".join(f"{one.name} PSI {one.psi:.3f}, KS {one.ks:.3f}" for one in moved)
            or "too few rows"
        )
        + ".",
    ]


def _flaws(found: Exploration) -> list[str]:
    """What training and evaluation would refuse."""
    bad = [
        f"{one.name} ({', '.join(f'{count:,} {what}' for count, what in ((one.missing, 'missing'), (one.invalid, 'invalid')) if count)})"
        for one in found.unusable
        if one.missing or one.invalid
    ]
    values = (
        [f"Values that training refuses and that are left out below: {', '.join(bad)}."]
        if bad
        else []
    )
    order = (
        [
            f"Rows that stand after one of a later Time: {found.out_of_order:,}; below they are in the order of Time."
        ]
        if found.out_of_order
        else []
    )
    return values + order


def _frauds(found: Exploration) -> str:
    share = found.fraud_share
    if share is None:
        return f"No row has a Class, and so no more is said of frauds; Amount sums to {found.amount:,.2f}."
    return (
        f"{found.frauds:,} frauds, {share.value:.4%} of the rows (95 % {share.low:.4%} to {share.high:.4%}); they hold "
        f"{found.fraud_amount:,.2f} of {found.amount:,.2f}."
    )


def feature_rows(found: Exploration) -> list[list[str]]:
    """A row for each column of the file, in the columns of FEATURE_HEAD."""
    return [
        [
            one.name,
            *(
                "-" if value is None else f"{value:.4g}"
                for value in (
                    one.mean,
                    one.deviation,
                    one.minimum,
                    one.p1,
                    one.median,
                    one.p99,
                    one.maximum,
                )
            ),
            f"{one.outliers:,}",
            *("-" if value is None else f"{value:.3f}" for value in (one.ks, one.psi)),
        ]
        for one in found.features
    ]


def render_page(name: str, rows: pd.DataFrame, found: Exploration) -> str:
    """The whole page as HTML that loads nothing; `rows` are those that were explored."""
    first, *rest = summarize(name, found)
    classed = found.frauds is not None
    parts = [
        paragraph(first, "lead"),
        *(paragraph(text) for text in rest),
        paragraph(ANONYMOUS, "note"),
        heading("Hours"),
        _rhythm(found),
        *([_fraud_hours(found)] if classed else []),
        heading("First day against last"),
        _moved(found),
        heading("Columns"),
        table(FEATURE_HEAD, feature_rows(found)),
        paragraph(
            f"Outliers lie more than {FENCE:g} interquartile ranges outside the quartiles. KS (Kolmogorov-Smirnov) and PSI (population "
            f"stability index): {found.compared}.",
            "note",
        ),
        heading("Distributions by class" if classed else "Distributions"),
        paragraph(
            "Densities between the 0.1st and the 99.9th percentile of all rows; Amount as log10(1 + Amount).",
            "note",
        ),
        _distributions(rows, _classes(rows) if classed else {"all rows": np.ones(len(rows), bool)}),
    ]
    return document(f"Transactions of {name}", parts)


def _rhythm(found: Exploration) -> str:
    hours = [one.hour for one in found.hours]
    bars = go.Bar(
        x=hours,
        y=[one.transactions for one in found.hours],
        name="transactions",
        marker_color=COLOURS["legitimate"],
    )
    mean = go.Scatter(
        x=hours,
        y=[one.mean_amount for one in found.hours],
        name="mean Amount",
        yaxis="y2",
        line={"color": COLOURS["other"]},
    )
    return plot(
        [bars, mean],
        "Transactions an hour, and their mean Amount",
        "hours since the first row",
        "transactions",
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "title": "mean Amount",
            "rangemode": "tozero",
            "showgrid": False,
        },
        legend={"orientation": "h"},
    )


def _fraud_hours(found: Exploration) -> str:
    bars = go.Bar(
        x=[one.hour for one in found.hours],
        y=[
            None if one.frauds is None else 1000 * one.frauds / one.transactions
            for one in found.hours
        ],
        text=[one.frauds for one in found.hours],
        marker_color=COLOURS["fraud"],
    )
    return plot(
        [bars],
        "Frauds in 1,000 transactions, by hour",
        "hours since the first row",
        "frauds in 1,000",
    )


def _moved(found: Exploration) -> str:
    names = [one.name for one in found.features]
    bars = [
        go.Bar(
            x=names,
            y=[one.psi for one in found.features],
            name="PSI",
            marker_color=COLOURS["legitimate"],
        ),
        go.Bar(
            x=names, y=[one.ks for one in found.features], name="KS", marker_color=COLOURS["other"]
        ),
    ]
    return plot(bars, found.compared, "", "distance", barmode="group")


def _classes(rows: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    return {"legitimate": rows["Class"].to_numpy() == 0, "fraud": rows["Class"].to_numpy() == 1}


def _distributions(rows: pd.DataFrame, kinds: dict[str, NDArray[np.bool_]]) -> str:
    down = -(-len(INPUTS) // _ACROSS)
    figure = make_subplots(rows=down, cols=_ACROSS, subplot_titles=INPUTS)
    for place, name in enumerate(INPUTS):
        values = rows[name].to_numpy(np.float64)
        values = np.log10(1 + values) if name == "Amount" else values
        known = ~np.isnan(values)
        if not known.any():
            continue
        low, high = np.quantile(values[known], [0.001, 0.999])
        edges = np.linspace(low, high, _BINS + 1)
        for label, which in kinds.items():
            line = {"color": COLOURS.get(label, COLOURS["other"]), "shape": "hvh"}
            density = _density(values[which & known], edges)
            trace = go.Scatter(
                x=(edges[1:] + edges[:-1]) / 2,
                y=density,
                line=line,
                name=label,
                showlegend=len(figure.data) < len(kinds),
            )
            figure.add_trace(trace, row=place // _ACROSS + 1, col=place % _ACROSS + 1)
    return show(figure, height=_ROW_HEIGHT * down)


def _density(values: Floats, edges: Floats) -> Floats:
    """Shares of the values in each bin, so that few frauds and many legitimate rows can be compared by shape."""
    return np.asarray(np.histogram(values, edges)[0] / max(len(values), 1))
