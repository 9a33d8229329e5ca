"""The parts of every dashboard besides panels: data source, variables, links and annotations."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import (
    AnnotationQuery,
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
    Row,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from infra.grafana.panels import PROMETHEUS

Panels = Sequence[Builder[models.Panel]]

_TAG = "fraud"
# served by `fraud serve`, because Grafana cannot read files
REPORTS = "http://127.0.0.1:8000/reports"


def make_dashboard(
    title: str,
    uid: str,
    description: str,
    variables: Sequence[QueryVariable],
    rows: dict[str, Panels],
) -> Dashboard:
    """Return a dashboard of rows of panels."""
    board = Dashboard(title).uid(uid).description(description).tags([_TAG]).readonly()
    board.time("now-30m", "now").refresh("10s").timezone("browser").tooltip(
        models.DashboardCursorSync.CROSSHAIR
    )
    board.with_variable(DatasourceVariable("datasource").label("Data source").type("prometheus"))
    for variable in variables:
        board.with_variable(variable)
    board.annotation(_mark("Alerts", 'ALERTS{alertstate="firing"}', "red"))
    board.annotation(
        _mark(
            "Model changed",
            "count by (version) (fraud_model_info) "
            "unless count by (version) (fraud_model_info offset 1m)",
            "blue",
        )
    )
    board.link(
        DashboardLink("Dashboards")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([_TAG])
        .keep_time(True)
    )
    board.link(
        DashboardLink("Drift reports")
        .type(models.DashboardLinkType.LINK)
        .url(REPORTS)
        .target_blank(True)
    )
    for name, panels in rows.items():
        board.with_row(Row(name))
        for panel in panels:
            board.with_panel(panel)
    return board


def make_choice(name: str, label: str, values: str) -> QueryVariable:
    """Return a variable for any of a label's values, initially all.

    `values`: Grafana's label_values(metric, label).
    """
    variable = (
        QueryVariable(name)
        .label(label)
        .query(values)
        .datasource(PROMETHEUS)
        .multi(True)
        .include_all(True)
        .all_value(".+")
    )
    every = models.VariableOption(text="All", value="$__all", selected=True)
    return (
        variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .current(every)
    )


def _mark(name: str, expression: str, color: str) -> AnnotationQuery:
    return (
        AnnotationQuery()
        .name(name)
        .datasource(PROMETHEUS)
        .expr(expression)
        .icon_color(color)
        .enable(True)
    )
