"""Copy the monitoring configuration, with this machine's targets and webhook."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra import demo_ports

_INFRA = Path(__file__).resolve().parent.parent
_JOBS = {"FRAUD_METRICS_PORT": "scorer", "FRAUD_MONITOR_PORT": "monitor", "FRAUD_API_PORT": "api"}
_SCORERS = "[targets/scorer.json]"  # in prometheus.yml
_COMPOSE_URL = "http://prometheus:9090"  # in the provisioned data source
_CONSOLE = "http://127.0.0.1:8000"  # in prometheus.yml
DEFAULT_WEBHOOK = "http://127.0.0.1:8002/alerts"
"""The URL in alertmanager.yml."""


def write(
    folder: Path, targets: Mapping[str, Sequence[str]], webhook: str, scorers: Path | None = None
) -> None:
    """Replace folder/prometheus and folder/alertmanager.

    `targets`: host:port by job; other jobs keep theirs. `scorers`: a glob of files with the
    scorers' targets, which may come and go (infra.watch.targets).
    """
    for name in ("prometheus", "alertmanager"):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(_INFRA / name, folder / name)
    for job, addresses in targets.items():
        (folder / "prometheus" / "targets" / f"{job}.json").write_text(
            json.dumps([{"targets": list(addresses)}])
        )
    prometheus = folder / "prometheus" / "prometheus.yml"
    text = prometheus.read_text()
    if scorers:
        text = text.replace(_SCORERS, json.dumps([str(scorers)]))
    if targets.get("api"):
        text = text.replace(_CONSOLE, f"http://{targets['api'][0]}")
    prometheus.write_text(text)
    alertmanager = folder / "alertmanager" / "alertmanager.yml"
    alertmanager.write_text(alertmanager.read_text().replace(DEFAULT_WEBHOOK, webhook))


def write_grafana(folder: Path, prometheus: str) -> None:
    """Replace folder/grafana, with the Prometheus at this URL as data source."""
    shutil.rmtree(folder / "grafana", ignore_errors=True)
    for name in ("provisioning", "dashboards"):
        shutil.copytree(_INFRA / "grafana" / name, folder / "grafana" / name)
    datasource = folder / "grafana" / "provisioning" / "datasources" / "prometheus.yml"
    datasource.write_text(datasource.read_text().replace(_COMPOSE_URL, prometheus))


def list_service_targets(environment: Mapping[str, str]) -> dict[str, list[str]]:
    """Return host:port of the demo's processes, by job. Raises ValueError."""
    targets: dict[str, list[str]] = {}
    for port in demo_ports.list_service_ports(environment):
        targets.setdefault(_JOBS[port.variable], []).append(f"127.0.0.1:{port.number}")
    return targets
