"""HTML pages that need nothing but themselves: text, tables, and plots with plotly's script inside the page."""

from collections.abc import Iterable
from html import escape
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped]
from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

COLOURS = {"legitimate": "#4c78a8", "fraud": "#d62728", "other": "#7f7f7f"}
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1060px; margin: 2em auto; padding: 0 1em; color: #1a1a1a; }
h1 { font-size: 1.5em; } h2 { font-size: 1.2em; margin-top: 2em; } .lead { font-size: 1.15em; }
table { border-collapse: collapse; margin: .8em 0; } th, td { padding: .25em .8em; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; } .wide { overflow-x: auto; } .note { color: #555; }
"""
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>{style}</style><script>{script}</script></head>
<body><h1>{title}</h1>
{body}
</body></html>
"""


def document(title: str, parts: Iterable[str]) -> str:
    """The page, of parts that are HTML already."""
    return _PAGE.format(
        title=escape(title), style=_STYLE, script=get_plotlyjs(), body="\n".join(parts)
    )


def heading(text: str) -> str:
    """The start of a section."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph; `kind` is `lead` or `note`."""
    return f'<p class="{kind}">{escape(text)}</p>'


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table of texts; the first column is the name of the row."""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>\n"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>\n{body}</tbody></table></div>'


def plot(traces: Iterable[Any], title: str, x: str, y: str, **layout: Any) -> str:
    """A plot of plotly traces; `layout` is plotly's."""
    return show(
        go.Figure(list(traces)),
        title=title,
        xaxis_title=x,
        yaxis_title=y,
        **{"height": 420} | layout,
    )


def show(figure: Any, **layout: Any) -> str:
    """A plotly figure as part of a page."""
    figure.update_layout(
        template="plotly_white", margin={"l": 60, "r": 20, "t": 50, "b": 50}, **layout
    )
    return str(
        figure.to_html(
            full_html=False,
            include_plotlyjs=False,
            config={"displaylogo": False, "responsive": True},
        )
    )
