"""The HTML page of an exploration."""

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from model.evaluation.exploration import FENCE, Density, Exploration, estimate_densities
from model.reports import exploration_text as text
from model.reports.plots import COLOURS, plot, read_plotly_script, to_html
from model.reports.rendering import render
from payments.display import Display
from payments.schema.reading import Schema

_ACROSS = 5
_ROW_HEIGHT = 190


def render_page(name: str, rows: pd.DataFrame, exploration: Exploration, schema: Schema) -> str:
    """Return the page as HTML that loads nothing. `rows` are the explored rows."""
    amount = schema.roles.amount
    return render(
        "exploration.html.j2",
        title=f"Transactions of {name}",
        plotly=read_plotly_script(),
        summary=text.summarize(name, exploration, schema),
        anonymous=Display(schema).explain_anonymous(),
        amount=amount,
        exploration=exploration,
        fence=FENCE,
        head=text.FEATURE_HEAD,
        rows=text.format_features(exploration, schema),
        plots={
            "hours": _plot_hours(exploration, amount),
            "fraud_hours": _plot_fraud_hours(exploration),
            "drift": _plot_drift(exploration),
            "distributions": _plot_distributions(estimate_densities(rows, amount)),
        },
    )


def _plot_hours(exploration: Exploration, amount: str) -> str:
    hours = [one.hour for one in exploration.hours]
    bars = go.Bar(
        x=hours,
        y=[one.transactions for one in exploration.hours],
        name="transactions",
        marker_color=COLOURS["legitimate"],
    )
    mean = go.Scatter(
        x=hours,
        y=[one.mean_amount for one in exploration.hours],
        name=f"mean {amount}",
        yaxis="y2",
        line={"color": COLOURS["other"]},
    )
    return plot(
        [bars, mean],
        f"Transactions per hour, and their mean {amount}",
        "hours since the first row",
        "transactions",
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "title": f"mean {amount}",
            "rangemode": "tozero",
            "showgrid": False,
        },
        legend={"orientation": "h"},
    )


def _plot_fraud_hours(exploration: Exploration) -> str:
    if exploration.frauds is None:
        return ""
    bars = go.Bar(
        x=[one.hour for one in exploration.hours],
        y=[
            None if one.frauds is None else 1000 * one.frauds / one.transactions
            for one in exploration.hours
        ],
        text=[one.frauds for one in exploration.hours],
        marker_color=COLOURS["fraud"],
    )
    return plot(
        [bars],
        "Frauds in 1,000 transactions, by hour",
        "hours since the first row",
        "frauds in 1,000",
    )


def _plot_drift(exploration: Exploration) -> str:
    names = [feature.name for feature in exploration.features]
    psi = [feature.psi for feature in exploration.features]
    ks = [feature.ks for feature in exploration.features]
    bars = [
        go.Bar(x=names, y=psi, name="PSI", marker_color=COLOURS["legitimate"]),
        go.Bar(x=names, y=ks, name="KS", marker_color=COLOURS["other"]),
    ]
    return plot(bars, exploration.compared, "", "distance", barmode="group")


def _plot_distributions(densities: dict[str, Density]) -> str:
    down = -(-len(densities) // _ACROSS)
    figure = make_subplots(rows=down, cols=_ACROSS, subplot_titles=list(densities))
    for place, density in enumerate(densities.values()):
        first = not figure.data
        for label, shares in density.shares.items():
            trace = go.Scatter(
                x=density.centres,
                y=shares,
                line={"color": COLOURS.get(label, COLOURS["other"]), "shape": "hvh"},
                name=label,
                showlegend=first,
            )
            figure.add_trace(trace, row=place // _ACROSS + 1, col=place % _ACROSS + 1)
    return to_html(figure, height=_ROW_HEIGHT * down)
