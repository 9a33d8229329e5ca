"""A copy of our configuration that one machine's Prometheus and Alertmanager run on: the same rules, its own targets and webhook."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

_INFRA = Path(__file__).resolve().parent.parent
DEFAULT_WEBHOOK = "http://127.0.0.1:8002/alerts"
"""Where alertmanager.yml sends to."""


def write(folder: Path, targets: Mapping[str, Sequence[str]], webhook: str) -> None:
    """Writes folder/prometheus and folder/alertmanager anew. `targets`: host:port by job; a job that is not named keeps its own."""
    for name in ("prometheus", "alertmanager"):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(_INFRA / name, folder / name)
    for job, addresses in targets.items():
        (folder / "prometheus" / "targets" / f"{job}.json").write_text(json.dumps([{"targets": list(addresses)}]))
    alertmanager = folder / "alertmanager" / "alertmanager.yml"
    alertmanager.write_text(alertmanager.read_text().replace(DEFAULT_WEBHOOK, webhook))
