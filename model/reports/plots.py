"""Plotly figures as parts of HTML pages."""

from collections.abc import Iterable
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

COLOURS = {"legitimate": "#4c78a8", "fraud": "#d62728", "other": "#7f7f7f"}


def read_plotly_script() -> str:
    """Return plotly's script, to include in a page once."""
    return str(get_plotlyjs())


def plot(traces: Iterable[Any], title: str, x: str, y: str, **layout: Any) -> str:
    """Return a plot of plotly traces, with titles of the axes; `layout` is plotly's."""
    return to_html(
        go.Figure(list(traces)),
        title=title,
        xaxis_title=x,
        yaxis_title=y,
        **{"height": 420} | layout,
    )


def to_html(figure: Any, **layout: Any) -> str:
    """Return a plotly figure as HTML, without plotly's script."""
    figure.update_layout(
        template="plotly_white", margin={"l": 60, "r": 20, "t": 50, "b": 50}, **layout
    )
    html = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        config={"displaylogo": False, "responsive": True},
    )
    return str(html)
