"""The dashboards' JSON, as Grafana reads it."""

import json
import re

import pytest

from infra.grafana.generate import FOLDER, render_dashboards

GENERATED = render_dashboards()
BOARDS = {name: json.loads(text) for name, text in GENERATED.items()}
PANELS = [
    (board["title"], panel)
    for board in BOARDS.values()
    for panel in board["panels"]
    if panel["type"] != "row"
]
HIDES_ABSENCE = re.compile(r"\bor\b|\babsent")


def test_the_json_is_what_the_python_says():
    committed = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    assert committed == GENERATED, "run: python -m infra.grafana"


@pytest.mark.parametrize(
    ("board", "panel"),
    PANELS,
    ids=lambda value: value if isinstance(value, str) else value["title"],
)
def test_each_panel_says_what_it_shows_and_hides_nothing(board, panel):
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    for target in panel["targets"]:
        assert not HIDES_ABSENCE.search(target["expr"]), target["expr"]
        assert target["datasource"]["uid"] == "${datasource}"


def test_lines_have_a_legend():
    for _, panel in PANELS:
        if panel["type"] == "timeseries":
            assert panel["options"]["legend"]["showLegend"], panel["title"]


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board["title"])
def test_each_variable_is_used_and_declared(board):
    declared = {variable["name"] for variable in board["templating"]["list"]} - {"datasource"}
    text = " ".join(
        target["expr"] for panel in board["panels"] for target in panel.get("targets", [])
    )
    assert set(re.findall(r"\$(\w+)", text)) - {"__range", "__rate_interval"} == declared


def test_each_dashboard_leads_to_the_others():
    assert len(BOARDS) == 4
    assert len({board["uid"] for board in BOARDS.values()}) == 4
    for board in BOARDS.values():
        assert any(
            link["type"] == "dashboards" and set(link["tags"]) <= set(board["tags"])
            for link in board["links"]
        )


def test_panels_lie_side_by_side():
    for board in BOARDS.values():
        taken = set()
        for panel in board["panels"]:
            at = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(at["x"], at["x"] + at["w"])
                for y in range(at["y"], at["y"] + at["h"])
            }
            assert at["x"] + at["w"] <= 24
            assert not taken & cells
            taken |= cells


def test_the_drift_score_is_a_share_of_1_as_everywhere_else():
    units = {
        (defaults["unit"], defaults["decimals"])
        for _, panel in PANELS
        for defaults in [panel["fieldConfig"]["defaults"]]
        if any("data_drift_score" in target["expr"] for target in panel["targets"])
    }
    assert units == {("none", 3)}
