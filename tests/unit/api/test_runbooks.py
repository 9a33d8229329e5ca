"""The pages of the runbooks: the link of every alert rule opens, and so do the links within."""

import re
from pathlib import Path

import pytest
import yaml
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry
from support.fakes import NOW, FakeBus, FakeModel

from api.app import create_app
from api.auth import Access
from api.dependencies import Dependencies
from streams.kafka.connection import Connection

ROOT = Path(__file__).resolve().parents[3]
ALERTS = {
    rule["alert"]: rule["annotations"]["runbook_url"]
    for group in yaml.safe_load((ROOT / "infra/prometheus/rules/alerts.yml").read_text())["groups"]
    for rule in group["rules"]
}
ADDRESS = "{{ $externalLabels.console }}"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A client without the key that this server requires."""
    dependencies = Dependencies(
        FakeModel(),
        Connection("127.0.0.1:9"),
        FakeBus(),
        lambda: NOW,
        tmp_path_factory.mktemp("home"),
        CollectorRegistry(),
    )
    return TestClient(
        create_app(dependencies, Access(key="secret")),
        "http://127.0.0.1:8000",
        headers={"accept": "text/html"},
        follow_redirects=False,
    )


@pytest.mark.parametrize("alert", ALERTS)
def test_the_link_of_every_alert_opens_without_a_key(browser, alert):
    url = ALERTS[alert]
    assert url.startswith(f"{ADDRESS}/")
    page = browser.get(url.removeprefix(ADDRESS))
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert alert in re.search("<h1>(.+)</h1>", page.text).group(1)
    assert "<pre><code" in page.text


@pytest.mark.parametrize("path", sorted(set(ALERTS.values())))
def test_the_links_in_a_runbook_open(browser, path):
    page = browser.get(path.removeprefix(ADDRESS))
    links = re.findall('href="([^"]+)"', page.text)
    answers = {link: browser.get(str(page.url.join(link))).status_code for link in links}
    assert set(answers.values()) == {200}, answers


@pytest.mark.parametrize("name", ["missing.md", "..", "%2e%2e%2fapp.py", "../../pyproject.toml"])
def test_no_other_file_is_shown(browser, name):
    assert browser.get(f"/runbooks/{name}").status_code in (401, 303, 404)
