"""The packages of an image, and the health check of its process."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml
from support.paths import ROOT
from support.ports import find_free_port

from infra.image.direct import select
from infra.image.ready import is_ready

DECLARED = [
    "evidently==0.7.23",
    "pandas>=2.2,<3.1",
    "uvloop>=0.20; sys_platform != 'win32'",
    "xgboost-cpu==3.2.*; sys_platform == 'linux'",
]


def test_dependencies_are_excluded_by_their_full_name():
    assert select(DECLARED, {"evidently", "uvloop"}) == [DECLARED[1], DECLARED[3]]


@pytest.mark.parametrize("name", ["plotly", "xgboost"])
def test_an_unknown_dependency_is_refused(name):
    with pytest.raises(ValueError, match=f"does not depend on {name}"):
        select(DECLARED, {name})


class Page(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self):
        self.send_response(self.status if self.path == "/ready" else 404)
        self.end_headers()

    def log_message(self, *_):
        """Nobody reads it."""


@pytest.fixture
def page():
    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("status", "works"), [(200, True), (503, False)])
def test_a_container_is_healthy_when_its_process_works(page, status, works, monkeypatch):
    monkeypatch.setattr(Page, "status", status)
    assert is_ready(page) is works


def test_a_container_whose_process_does_not_listen_is_not_healthy():
    assert not is_ready(find_free_port())


def test_every_service_has_limits():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    unlimited = {
        name
        for name, service in services.items()
        if not {"mem_limit", "pids_limit"} <= set(service)
    }
    assert unlimited == set()
