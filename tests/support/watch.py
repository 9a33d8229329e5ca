"""What tests of the watching need: our configuration at a test's pace, the programs on it, and questions to Prometheus."""

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
from infra.watch.programs import programs
from infra.watch.webhook import serve
from support.paths import ROOT
from support.ports import find_free_port
from support.programs import require_program
from support.waiting import wait_for

RULES = sorted((ROOT / "infra" / "prometheus" / "rules").glob("*.yml"))
BOARDS = sorted((ROOT / "infra" / "grafana" / "dashboards").glob("*.json"))
_PACE = re.compile(
    r"^(\s*(?:scrape_interval|evaluation_interval|interval|for|group_wait|group_interval)): \d+[smh]",
    re.MULTILINE,
)


class Prometheus:
    """A Prometheus that runs; times are seconds since 1970."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1/"

    def ask(self, path: str, **parameters: object) -> object:
        with urlopen(f"{self._url}{path}?{urlencode(parameters)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def now(self, expression: str, **parameters: object) -> list[dict]:
        """The series of an instant query; of a range selector, each with its `values`."""
        return self.ask("query", query=expression, **parameters)["result"]

    def value(self, expression: str) -> float | None:
        """The one value of an expression without labels; None where there is none."""
        found = self.now(expression)
        return float(found[0]["value"][1]) if found else None

    def over(self, expression: str, start: float, end: float) -> list[dict]:
        return self.ask("query_range", query=expression, start=start, end=end, step=1)["result"]

    def course(self, expression: str, start: float, end: float) -> set[float]:
        """All values that an expression took."""
        return {
            float(value)
            for series in self.over(expression, start, end)
            for _, value in series["values"]
        }

    def counted(self, counter: str, start: float, end: float, by: str) -> dict[str, int]:
        """By how much a counter rose in each value of a label, exactly: over the samples themselves, restarts of a process included."""
        found: dict[str, int] = {}
        for series in self.now(f"{counter}[{int(end - start) + 1}s]", time=end):
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
    """Prometheus, Alertmanager and node exporter on our configuration, a second for each of its intervals; alerts go to `received`."""
    for package in ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter"):
        require_program(package)
    first = find_free_port(following=3)
    own = programs(
        folder,
        {
            f"FRAUD_{name}_PORT": str(first + i)
            for i, name in enumerate(("PROMETHEUS", "ALERTMANAGER", "NODE_EXPORTER"))
        },
    )
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
    """(dashboard / panel / query, expression, whether it is asked for the end of the range alone) of all dashboards."""
    found = []
    for path in BOARDS:
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                found.append(
                    (
                        f"{board['title']} / {panel['title']} / {target['refId']}",
                        target["expr"],
                        target.get("instant", False),
                    )
                )
    return found


def substitute_variables(expression: str, span: int) -> str:
    """A panel's query as Grafana sends it: every variable at "All", over `span` seconds."""
    expression = expression.replace("$__rate_interval", "10s").replace("$__range", f"{span}s")
    return re.sub(r"\$\w+", ".+", expression)


def read_rule_expressions() -> list[str]:
    groups = (group for path in RULES for group in yaml.safe_load(path.read_text())["groups"])
    return [rule["expr"] for group in groups for rule in group["rules"]]


def find_metric_names(expression: str) -> set[str]:
    """The metrics that an expression names: what is left of it without matchers, durations, lists of labels, functions and keywords."""
    bare = re.sub(
        r"\{[^}]*\}|\[[^\]]*\]|\b(by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)|offset \w+",
        " ",
        expression,
    )
    words = re.findall(r"[a-zA-Z_:][\w:]*", re.sub(r"\b\w+\s*(?=\()", " ", bare))
    return set(words) - {"and", "or", "unless", "sum", "max"}
