"""Queries, panels and thresholds for the dashboards. Each panel describes what it shows."""

from collections.abc import Sequence
from string import ascii_uppercase
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    heatmap,
    prometheus,
    stat,
    statushistory,
    timeseries,
)
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="${datasource}")
# widths, in Grafana's 24 columns
SMALL = 4
THIRD = 8
HALF = 12
FULL = 24
# heights, in rows
_LOW = 4
_HIGH = 8
_NO_LIMITS = (Threshold(color="blue"),)

P = TypeVar("P", bargauge.Panel, heatmap.Panel, stat.Panel, statushistory.Panel, timeseries.Panel)
Limits = tuple[Threshold, ...]


def query(expression: str, legend: str = "") -> prometheus.Dataquery:
    """Return a query over the dashboard's time range."""
    return prometheus.Dataquery().expr(expression).legend_format(legend or "__auto").range()


def query_now(expression: str, legend: str = "") -> prometheus.Dataquery:
    """Return a query of the values at the end of the time range."""
    return prometheus.Dataquery().expr(expression).legend_format(legend or "__auto").instant()


def query_buckets(expression: str) -> prometheus.Dataquery:
    """Return a query of a histogram's buckets, one row each."""
    return query(expression, "{{le}}").format(PromQueryFormat.HEATMAP)


def limit_above(warning: float, critical: float) -> Limits:
    """Return limits for larger is worse: orange from `warning` on, red from `critical` on."""
    return Threshold(color="green"), Threshold(warning, "orange"), Threshold(critical, "red")


def limit_below(critical: float, warning: float) -> Limits:
    """Return limits for smaller is worse: red under `critical`, orange under `warning`."""
    return Threshold(color="red"), Threshold(critical, "orange"), Threshold(warning, "green")


def map_verdict() -> ValueMap:
    """Show 0 and 1 as words, 1 in red."""
    return ValueMap(
        {
            "0": ValueMappingResult("no drift", "green"),
            "1": ValueMappingResult("DRIFT", "red"),
        }
    )


def draw_number(
    title: str,
    description: str,
    unit: str,
    target: prometheus.Dataquery,
    limits: Limits = _NO_LIMITS,
) -> stat.Panel:
    """Return a panel with one figure and its history behind it."""
    panel = _fill_panel(stat.Panel(), title, description, unit, [target], limits)
    return panel.span(SMALL).height(_LOW).graph_mode(BigValueGraphMode.AREA)


def name(title: str, description: str, target: prometheus.Dataquery) -> stat.Panel:
    """Return a panel with a series' name instead of a figure."""
    panel = _fill_panel(stat.Panel(), title, description, "none", [target], _NO_LIMITS)
    return panel.span(SMALL).height(_LOW).text_mode(BigValueTextMode.NAME)


def draw_lines(
    title: str,
    description: str,
    unit: str,
    *targets: prometheus.Dataquery,
    limits: Limits = (),
    stacked: bool = False,
) -> timeseries.Panel:
    """Return a panel of lines over time, with limits as dashed lines."""
    panel = _fill_panel(timeseries.Panel(), title, description, unit, targets, limits or _NO_LIMITS)
    panel.span(HALF).height(_HIGH).min(0).fill_opacity(20 if stacked else 5).show_points(
        VisibilityMode.NEVER
    )
    panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    panel.legend(
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(LegendDisplayMode.TABLE)
        .placement(LegendPlacement.BOTTOM)
        .calcs(["lastNotNull", "max"])
    )
    if limits:
        panel.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED)
        )
    if stacked:
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    return panel


def draw_bars(
    title: str, description: str, unit: str, target: prometheus.Dataquery
) -> bargauge.Panel:
    """Return a panel with a bar for the current value of each series."""
    panel = _fill_panel(bargauge.Panel(), title, description, unit, [target], _NO_LIMITS)
    return (
        panel.span(HALF)
        .height(_HIGH)
        .min(0)
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
    )


def draw_distribution(title: str, description: str, target: prometheus.Dataquery) -> heatmap.Panel:
    """Return a heatmap of a histogram's buckets over time."""
    panel = _fill_panel(heatmap.Panel(), title, description, "short", [target], _NO_LIMITS)
    color = (
        heatmap.HeatmapColorOptions()
        .mode(HeatmapColorMode.SCHEME)
        .scheme("Oranges")
        .scale(HeatmapColorScale.EXPONENTIAL)
        .exponent(0.3)
        .steps(64)
    )  # make the few high scores visible
    return panel.span(FULL).height(_HIGH).color(color).show_legend()


def draw_grid(
    title: str, description: str, unit: str, target: prometheus.Dataquery, limits: Limits
) -> statushistory.Panel:
    """Return a panel with a row per series and a cell per time, coloured by the limits."""
    panel = _fill_panel(statushistory.Panel(), title, description, unit, [target], limits)
    return panel.span(FULL).height(2 * _HIGH).show_value(VisibilityMode.NEVER)


def _fill_panel(
    panel: P,
    title: str,
    description: str,
    unit: str,
    targets: Sequence[prometheus.Dataquery],
    limits: Limits,
) -> P:
    panel.title(title).description(description).unit(unit).datasource(PROMETHEUS)
    panel.thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(list(limits)))
    if unit == "short":  # counts; increase() extrapolates to fractions
        panel.decimals(0)
    if limits != _NO_LIMITS and not isinstance(panel, timeseries.Panel):
        panel.color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
    for letter, target in zip(ascii_uppercase, targets, strict=False):
        panel.with_target(target.ref_id(letter).datasource(PROMETHEUS))
    return panel
