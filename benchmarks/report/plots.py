"""Draw the report's plots as SVG."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.harness.results import Spread

mpl.rcParams["svg.hashsalt"] = "performance"  # equal figures give equal files
_WIDTH = 8.0
_COLOUR = "#33658a"
_PERCENTILES = (("p50", "-"), ("p95", "--"), ("p99", ":"))


def draw_bars(path: Path, title: str, values: Mapping[str, Spread], unit: str) -> None:
    """Draw one horizontal bar per value, with its range."""
    figure = Figure(figsize=(_WIDTH, 0.8 + 0.4 * len(values)), layout="constrained")
    axes = figure.subplots()
    medians = [spread.median for spread in values.values()]
    below = [spread.median - spread.low for spread in values.values()]
    above = [spread.high - spread.median for spread in values.values()]
    shown = axes.barh(list(values), medians, xerr=[below, above], color=_COLOUR, ecolor="#888888")
    axes.bar_label(shown, [f" {value:,.0f}" for value in medians])
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set(title=title, xlabel=unit)
    _save(figure, path)


def draw_stack(path: Path, title: str, parts: Mapping[str, float], unit: str) -> None:
    """Draw one horizontal bar per part, in order."""
    draw_bars(
        path, title, {name: Spread(value, value, value) for name, value in parts.items()}, unit
    )


def draw_latencies(path: Path, curves: Mapping[str, Mapping[int, Mapping[str, Spread]]]) -> None:
    """Draw each system's latency percentiles, in ms, over the rate."""
    figure = Figure(figsize=(_WIDTH, 4.5), layout="constrained")
    axes = figure.subplots()
    for number, (system, rates) in enumerate(curves.items()):
        for name, style in _PERCENTILES:
            medians = [percentiles[name].median for percentiles in rates.values()]
            axes.plot(
                list(rates),
                medians,
                style,
                marker="o",
                markersize=3,
                color=f"C{number}",
                label=f"{system}, {name}",
            )
    axes.set(
        title="From the scheduled send time to the reader",
        xlabel="transactions a second",
        ylabel="ms",
        xscale="log",
        yscale="log",
    )
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend(fontsize="small")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
