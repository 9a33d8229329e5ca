"""Prometheus and Grafana in containers next to the demo.

The tests need a Docker engine, and include Grafana if its image is available.
"""

import base64
import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from support.commands import run
from support.ports import find_free_port
from support.waiting import wait_for

from infra.kafka import engine
from infra.watch.containers import IMAGES, Containers

VARIABLES = ("FRAUD_NODE_EXPORTER_PORT", "FRAUD_PROMETHEUS_PORT", "FRAUD_GRAFANA_PORT")


@pytest.fixture
def ports():
    if not engine.answers():
        pytest.skip("no Docker engine answers")
    first = find_free_port(following=2)
    return {variable: str(first + i) for i, variable in enumerate(VARIABLES)}


def get(url, **headers):
    try:
        with urlopen(Request(url, headers=headers), timeout=5) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, None
    except OSError:
        return 0, None


def list_containers():
    return set(run(["docker", "ps", "--all", "--quiet"], check=True).stdout.split())


def test_they_scrape_what_the_demo_starts_and_leave_no_container(ports, tmp_path):
    log = []
    before = list_containers()
    monitoring = Containers(tmp_path, ports | {"FRAUD_METRICS_PORT": "9301"}, log.append)
    monitoring.start()
    try:
        wanted = [name for name, image in IMAGES.items() if engine.has_image(image)]
        assert {"node-exporter", "prometheus"} <= set(wanted), log
        wait_for(
            lambda: list(monitoring.list_addresses()) == wanted, 60, "all that have an image answer"
        )
        prometheus = monitoring.list_addresses()["prometheus"]
        node = f"127.0.0.1:{ports['FRAUD_NODE_EXPORTER_PORT']}"

        def health():
            targets = get(f"{prometheus}/api/v1/targets")[1]["data"]["activeTargets"]
            return {target["labels"]["instance"]: target["health"] for target in targets}

        wait_for(lambda: health().get(node) == "up", 60, "Prometheus sees the node exporter")
        assert {"127.0.0.1:9301", "127.0.0.1:9302", "127.0.0.1:8000", "127.0.0.1:8001"} < set(
            health()
        )
        if "grafana" in wanted:
            grafana = f"http://127.0.0.1:{ports['FRAUD_GRAFANA_PORT']}/api/search?type=dash-db"
            login = base64.b64encode(f"admin:{monitoring.password.read_text()}".encode()).decode()
            assert get(grafana)[0] == 401
            wait_for(
                lambda: len(get(grafana, Authorization=f"Basic {login}")[1] or ()) == 4,
                60,
                "four dashboards",
            )
        else:
            assert any(
                line.startswith("grafana: skipped") and IMAGES["grafana"] in line for line in log
            )
    finally:
        monitoring.stop()
    assert list_containers() == before


def test_a_taken_port_is_named_and_the_other_programs_start(ports, tmp_path):
    log = []
    first, second = (Containers(tmp_path / name, ports, log.append) for name in ("first", "second"))
    first.start()
    try:
        wait_for(lambda: "prometheus" in first.list_addresses(), 60, "the first answers")
        second.start()
        assert not second.list_addresses()
        port = ports["FRAUD_PROMETHEUS_PORT"]
        assert (
            f"prometheus: skipped: port {port} is in use; set FRAUD_PROMETHEUS_PORT to another port"
            in log
        )
    finally:
        first.stop()
        second.stop()
