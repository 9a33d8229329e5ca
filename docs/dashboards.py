"""Draw the Grafana dashboards from their JSON and a running Prometheus, without Grafana.

Run: .venv/bin/python -m docs.dashboards [SECONDS], with Chromium, while the demo runs and `make
watch` has scraped it. It writes docs/pictures/dashboard-<name>.png over the last SECONDS (300) of
the Prometheus on FRAUD_PROMETHEUS_PORT, and fails if a panel has no data. The panels use the
queries, sizes, units, limits and words of the dashboards; Grafana draws them differently.
"""

import json
import math
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from docs.browser import open_browser
from infra import demo_ports
from infra.grafana.generate import FOLDER

PICTURES = Path(__file__).parent / "pictures"
_WIDTH = 1440  # pixels of Grafana's 24 columns
_ROW = 38  # pixels of one row, as in Grafana
_POINTS = 150  # of each line
_TITLE = 34  # pixels above a panel's plot
_SPARK = 46  # pixels of the history below a figure
_RATE_INTERVAL = "20s"  # as in Grafana: four times the scrape interval of prometheus.yml
_CLOCK = "%H:%M:%S"
_NAMES = 12  # most names in a legend: those with the highest last values
_COLORS = {"green": "#56a64b", "orange": "#ff780a", "red": "#e02f44", "blue": "#3274d9"}
_LINES = ("#3274d9", "#ff780a", "#56a64b", "#e02f44", "#8f3bb8", "#f2cc0c", "#37872d", "#5794f2")
_STYLE = """
body { margin: 0; width: 1440px; background: #f4f5f5; font: 13px Inter, system-ui, sans-serif;
       color: #24292e; }
h1 { font-size: 20px; margin: 14px 12px 2px; } p { margin: 0 12px 8px; color: #6e7580; }
.grid { display: grid; grid-template-columns: repeat(24, 1fr); gap: 8px; padding: 8px; }
.row { font-weight: 600; padding: 4px; align-self: end; }
.panel { background: #fff; border: 1px solid #dcdfe3; border-radius: 3px; overflow: hidden; }
.title { padding: 8px 10px 0; font-weight: 500; height: 26px; box-sizing: border-box; }
.figure { font-size: 27px; font-weight: 600; white-space: nowrap; text-align: center;
          padding-top: 16px; height: 46px; }
.empty { color: #e02f44; text-align: center; padding-top: 24px; }
"""


class Series(NamedTuple):
    """A line of a panel: its name, the times in seconds since 1970, and the values."""

    name: str
    times: list[float]
    values: list[float]


class TimeRange:
    """A range of time, in seconds since 1970, of the Prometheus at a URL."""

    def __init__(self, url: str, start: float, end: float) -> None:
        self._url = url
        self.start = start
        self.end = end

    def read(self, target: Mapping[str, Any]) -> list[Series]:
        """Return the series of a panel's query that have a number. Raises httpx.HTTPError."""
        parameters: dict[str, str | float] = {
            "query": substitute_variables(target["expr"], self.end - self.start, _RATE_INTERVAL)
        }
        if target.get("instant"):
            answers = self._request("query", parameters | {"time": self.end})
        else:
            step = max(1, round((self.end - self.start) / _POINTS))
            parameters |= {"start": self.start, "end": self.end, "step": step}
            answers = self._request("query_range", parameters)
        series = []
        for answer in answers:
            samples = answer["values"] if "values" in answer else [answer["value"]]
            numbers = [(at, float(value)) for at, value in samples if value != "NaN"]
            if numbers:
                name = _name_series(answer["metric"], target["legendFormat"])
                times, values = map(list, zip(*numbers, strict=True))
                series.append(Series(name, times, values))
        return series

    def _request(self, path: str, parameters: Mapping[str, str | float]) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self._url}/api/v1/{path}", params=parameters, timeout=10)
        result: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return result


def substitute_variables(expression: str, seconds: float, rate_interval: str) -> str:
    """Return a panel's query as Grafana sends it over a time range, with variables at "All"."""
    expression = expression.replace("$__rate_interval", rate_interval)
    expression = expression.replace("$__range", f"{math.ceil(seconds)}s")
    return re.sub(r"\$\w+", ".+", expression)


def _name_series(labels: Mapping[str, str], legend: str) -> str:
    if legend == "__auto":
        return ", ".join(labels.values())
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), legend)


def draw_board(board: Mapping[str, Any], time_range: TimeRange) -> tuple[str, list[str]]:
    """Return a dashboard as an HTML page, and the titles of its panels without data."""
    parts = []
    empty = []
    for panel in board["panels"]:
        at = panel["gridPos"]
        place = (
            f"grid-column: {at['x'] + 1} / span {at['w']}; "
            f"grid-row: {at['y'] + 1} / span {at['h']}; height: {at['h'] * _ROW - 8}px"
        )
        if panel["type"] == "row":
            parts.append(f'<div class="row" style="{place}">{escape(panel["title"])}</div>')
            continue
        series = [line for target in panel["targets"] for line in time_range.read(target)]
        if series:
            content = _draw_panel(panel, series)
        else:
            empty.append(panel["title"])
            content = '<div class="empty">No data</div>'
        title = f'<div class="title">{escape(panel["title"])}</div>'
        parts.append(f'<div class="panel" style="{place}">{title}{content}</div>')
    page = (
        f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style>"
        f"<script>{get_plotlyjs()}</script><h1>{escape(board['title'])}</h1>"
        f'<p>{escape(board["description"])}</p><div class="grid">{"".join(parts)}</div>'
    )
    return page, empty


def _draw_panel(panel: Mapping[str, Any], series: Sequence[Series]) -> str:
    if panel["type"] == "stat":
        return _draw_figure(panel, series)
    draw = {
        "timeseries": _draw_lines,
        "bargauge": _draw_bars,
        "heatmap": _draw_heatmap,
        "status-history": _draw_grid,
    }[panel["type"]]
    return _to_html(draw(panel, series), panel["gridPos"], panel["gridPos"]["h"] * _ROW - _TITLE)


def _draw_figure(panel: Mapping[str, Any], series: Sequence[Series]) -> str:
    """Return the last value in the colour of its limit, above its history."""
    defaults = panel["fieldConfig"]["defaults"]
    last = series[0].values[-1]
    words = {
        float(value): answer
        for mapping in defaults.get("mappings", ())
        for value, answer in mapping["options"].items()
    }.get(last)
    if panel["options"]["textMode"] == "name":
        shown = ", ".join(line.name for line in series)
    elif words:
        shown = words["text"]
    else:
        shown = format_value(last, defaults["unit"])
    by_limit = defaults.get("color", {}).get("mode") == "thresholds"
    color = _find_color(last, defaults["thresholds"]["steps"]) if by_limit else _COLORS["blue"]
    html = f'<div class="figure" style="color: {color}">{escape(shown)}</div>'
    if len(series[0].values) == 1:
        return html
    history = go.Figure(
        go.Scatter(
            x=_to_dates(series[0].times),
            y=series[0].values,
            line={"color": color, "width": 1},
            fill="tozeroy",
            showlegend=False,
        )
    )
    history.update_xaxes(visible=False).update_yaxes(visible=False)
    return html + _to_html(history, panel["gridPos"], _SPARK)


def _draw_lines(panel: Mapping[str, Any], series: Sequence[Series]) -> go.Figure:
    defaults = panel["fieldConfig"]["defaults"]
    stacked = defaults["custom"].get("stacking", {}).get("mode") == "normal"
    named = sorted(series, key=lambda line: line.values[-1], reverse=True)[:_NAMES]
    figure = go.Figure()
    for number, line in enumerate(series):
        figure.add_scatter(
            x=_to_dates(line.times),
            y=line.values,
            name=line.name,
            mode="lines",
            line={"color": _LINES[number % len(_LINES)], "width": 1.3},
            stackgroup="all" if stacked else None,
            showlegend=len(series) > 1 and line in named,
        )
    highest = max(max(line.values) for line in series)
    if defaults["custom"].get("thresholdsStyle"):
        for step in defaults["thresholds"]["steps"]:
            if step["value"] is not None and step["value"] <= 3 * highest:
                figure.add_hline(step["value"], line_color=_COLORS[step["color"]], line_dash="dash")
    figure.update_xaxes(tickformat=_CLOCK)
    return figure.update_yaxes(
        rangemode="tozero",
        range=[0, defaults["max"] * 1.02] if "max" in defaults else None,
        **_axis_format(defaults["unit"], highest),
    )


def _draw_bars(panel: Mapping[str, Any], series: Sequence[Series]) -> go.Figure:
    unit = panel["fieldConfig"]["defaults"]["unit"]
    values = [line.values[-1] for line in series]
    figure = go.Figure(
        go.Bar(
            x=values,
            y=[line.name for line in series],
            orientation="h",
            text=[format_value(value, unit) for value in values],
            marker={"color": _COLORS["blue"]},
            showlegend=False,
        )
    )
    return figure.update_yaxes(autorange="reversed")


def _draw_heatmap(_: Mapping[str, Any], series: Sequence[Series]) -> go.Figure:
    """Return the increase in each bucket; Prometheus' buckets include those below."""
    lines = sorted(series, key=lambda line: float(line.name))
    times = sorted({at for line in lines for at in line.times})
    rows = []
    below = dict.fromkeys(times, 0.0)
    for line in lines:
        counts = dict(zip(line.times, line.values, strict=True))
        rows.append([max(counts.get(at, 0.0) - below[at], 0.0) ** 0.3 or None for at in times])
        below |= counts
    figure = go.Figure(
        go.Heatmap(
            x=_to_dates(times),
            y=[line.name for line in lines],
            z=rows,
            colorscale="Oranges",
            showscale=False,
        )
    )
    figure.update_xaxes(tickformat=_CLOCK)
    return figure.update_yaxes(type="category", title="at most")


def _draw_grid(panel: Mapping[str, Any], series: Sequence[Series]) -> go.Figure:
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    figure = go.Figure()
    for line in series:
        figure.add_scatter(
            x=_to_dates(line.times),
            y=[line.name] * len(line.times),
            mode="markers",
            marker={
                "symbol": "square",
                "size": 9,
                "color": [_find_color(value, steps) for value in line.values],
            },
            showlegend=False,
        )
    figure.update_xaxes(tickformat=_CLOCK)
    return figure.update_yaxes(type="category", autorange="reversed", dtick=1, tickfont_size=10)


def _find_color(value: float, steps: Sequence[Mapping[str, Any]]) -> str:
    reached = [step for step in steps if step["value"] is None or value >= step["value"]]
    return _COLORS[reached[-1]["color"]]


def _to_dates(times: Sequence[float]) -> list[str]:
    return [time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) for at in times]


def _to_html(figure: go.Figure, at: Mapping[str, int], height: int) -> str:
    figure.update_layout(
        width=_WIDTH * at["w"] / 24 - 18,
        height=height - 8,
        margin={"l": 8, "r": 12, "t": 4, "b": 4},
        template="plotly_white",
        font={"size": 11, "family": "Inter, system-ui, sans-serif"},
        legend={"orientation": "h", "y": -0.12, "font": {"size": 10}},
    )
    figure.update_xaxes(automargin=True).update_yaxes(automargin=True)
    html: str = figure.to_html(full_html=False, include_plotlyjs=False, config={"staticPlot": True})
    return html


def _axis_format(unit: str, highest: float) -> dict[str, str]:
    if unit == "percentunit":
        return {"tickformat": ".3~%"}
    suffix = {"s": "s", "bytes": "B", "ops": "/s", "reqps": "/s"}.get(unit, "")
    prefixes = highest >= 1000 or (unit == "s" and highest < 1)
    return {"tickformat": "~s" if prefixes else ".3~g", "ticksuffix": suffix}


def format_value(value: float, unit: str) -> str:
    """Return a value in one of the units that the dashboards use."""
    if unit == "percentunit":
        return f"{100 * value:.3g}%"
    if unit == "s" and abs(value) < 1:
        return f"{1000 * value:.3g} ms"
    if unit == "short":
        return f"{value:,.0f}"
    suffix = {"s": " s", "ops": " /s", "reqps": " /s"}.get(unit, "")
    return (
        f"{value:,.0f}{suffix}" if value >= 100 or value == int(value) else f"{value:.3g}{suffix}"
    )


def read_boards() -> Iterator[dict[str, Any]]:
    """Yield the dashboards."""
    for path in sorted(FOLDER.glob("*.json")):
        yield json.loads(path.read_text())


def main() -> None:
    """Write a picture of each dashboard. Exit with 1 if a panel has no data."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 300
    url = f"http://127.0.0.1:{demo_ports.read_port(os.environ, 'FRAUD_PROMETHEUS_PORT')}"
    now = time.time()
    time_range = TimeRange(url, now - seconds, now)
    without_data = []
    with open_browser() as browser:
        for board in read_boards():
            html, empty = draw_board(board, time_range)
            without_data += [f"{board['title']}: {title}" for title in empty]
            page = browser.new_page(viewport={"width": _WIDTH, "height": 900})
            page.set_content(html)
            path = PICTURES / f"{board['uid'].replace('fraud', 'dashboard', 1)}.png"
            page.screenshot(path=path, full_page=True)
            page.close()
    if without_data:
        sys.exit("no data: " + "; ".join(without_data))


if __name__ == "__main__":
    main()
