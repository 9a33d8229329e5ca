"""Run Prometheus, Alertmanager and node exporter with our configuration, at a test's pace."""

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from infra.watch import configuration
from infra.watch.programs import list_programs
from infra.watch.webhook import serve
from support.paths import ROOT
from support.ports import find_free_port
from support.programs import require_program
from support.waiting import wait_for

RULES = sorted((ROOT / "infra" / "prometheus" / "rules").glob("*.yml"))
BOARDS = sorted((ROOT / "infra" / "grafana" / "dashboards").glob("*.json"))
_PACE = re.compile(
    r"^(\s*(?:scrape_interval|evaluation_interval|interval|for|group_wait|group_interval))"
    r": \d+[smh]",
    re.MULTILINE,
)


class Prometheus:
    """A client of a running Prometheus; times are in seconds since 1970."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def request(self, path: str, **parameters: object) -> object:
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(parameters)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str, **parameters: object) -> list[dict]:
        """Return the series of an instant query; those of a range selector have `values`."""
        return self.request("query", query=expression, **parameters)["result"]

    def query_value(self, expression: str) -> float | None:
        """Return the value of an expression without labels, or None."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else None

    def wait_for_value(self, expression: str, value: float, what: str) -> None:
        wait_for(lambda: self.query_value(expression) == value, 60, what)

    def query_range(self, expression: str, start: float, end: float) -> list[dict]:
        return self.request("query_range", query=expression, start=start, end=end, step=1)["result"]

    def collect_values(self, expression: str, start: float, end: float) -> set[float]:
        """Return all values that an expression took."""
        return {
            float(value)
            for series in self.query_range(expression, start, end)
            for _, value in series["values"]
        }

    def count_increases(self, counter: str, start: float, end: float, by: str) -> dict[str, int]:
        """Return by how much a counter rose, per value of the label `by`.

        It is exact, and includes restarts of a process: it adds up the samples themselves.
        """
        found: dict[str, int] = {}
        for series in self.query(f"{counter}[{int(end - start) + 1}s]", time=end):
            values = [float(value) for _, value in series["values"]]
            rises = sum(
                later - earlier if later >= earlier else later
                for earlier, later in pairwise(values)
            )
            found[series["metric"][by]] = found.get(series["metric"][by], 0) + int(rises)
        return found


@contextlib.contextmanager
def run_watch(
    folder: Path, targets: Mapping[str, list[str]], received: list[dict]
) -> Iterator[Prometheus]:
    """Run the three programs with every interval set to a second; alerts go to `received`."""
    for package in ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter"):
        require_program(package)
    first = find_free_port(following=3)
    names = ("PROMETHEUS", "ALERTMANAGER", "NODE_EXPORTER")
    ports = {f"FRAUD_{name}_PORT": str(first + i) for i, name in enumerate(names)}
    own = list_programs(folder, ports)
    addresses = {"alertmanager": [f"127.0.0.1:{first + 1}"], "node": [f"127.0.0.1:{first + 2}"]}
    configuration.write(folder, {**targets, **addresses}, f"http://127.0.0.1:{first + 3}/alerts")
    for path in [*folder.glob("prometheus/**/*.yml"), *folder.glob("alertmanager/*.yml")]:
        path.write_text(_PACE.sub(r"\1: 1s", path.read_text()))
    webhook = serve(first + 3, received.append)
    started: list[subprocess.Popen] = []
    try:
        for program in own:
            started.append(program.start(folder / "logs" / f"{program.name}.log"))
        for program in own:
            wait_for(lambda url=program.ready_url: _answers(url), 30, f"{program.name} is ready")
        yield Prometheus(first)
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(20)
        webhook.shutdown()


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError):
        return urlopen(url, timeout=2).status == 200
    return False


def read_panel_queries() -> list[tuple[str, str, bool]]:
    """Return (dashboard / panel / query, expression, whether it is instant) of every query."""
    found = []
    for path in BOARDS:
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                name = f"{board['title']} / {panel['title']} / {target['refId']}"
                found.append((name, target["expr"], target.get("instant", False)))
    return found


def read_rule_expressions() -> list[str]:
    groups = (group for path in RULES for group in yaml.safe_load(path.read_text())["groups"])
    return [rule["expr"] for group in groups for rule in group["rules"]]


def find_metric_names(expression: str) -> set[str]:
    """Return the metrics that an expression names.

    They are what is left without matchers, durations, texts, label lists, functions and keywords.
    """
    bare = re.sub(
        r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"|offset \w+"
        r"|\b(by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)",
        " ",
        expression,
    )
    words = re.findall(r"[a-zA-Z_:][\w:]*", re.sub(r"\b\w+\s*(?=\()", " ", bare))
    return set(words) - {"and", "or", "unless", "sum", "max"}
