"""Check the alert rules with Prometheus' and Alertmanager's tools.

Each alert has a runbook, a case in which it fires, and one in which it does not.
"""

from pathlib import Path

import pytest
import yaml
from support.commands import run
from support.paths import ROOT
from support.programs import require_program

PROMETHEUS = ROOT / "infra" / "prometheus"
CASES = sorted((PROMETHEUS / "tests").glob("*.yml"))


def read_rules():
    files = (
        yaml.safe_load(path.read_text()) for path in sorted((PROMETHEUS / "rules").glob("*.yml"))
    )
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in read_rules() if "alert" in rule}


def succeed(*command):
    done = run(command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def expected_outcomes(alert):
    """Return whether the alert is expected to fire, over all its cases."""
    tests = [test for path in CASES for test in yaml.safe_load(path.read_text())["tests"]]
    return {
        bool(case["exp_alerts"])
        for test in tests
        for case in test["alert_rule_test"]
        if case["alertname"] == alert
    }


@pytest.fixture(scope="module")
def promtool():
    require_program("prometheus")
    return "promtool"


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus.compose.yml"])
def test_the_configuration_is_valid(promtool, name):
    succeed(promtool, "check", "config", "--lint=all", "--lint-fatal", PROMETHEUS / name)


def test_the_rule_tests_pass(promtool):
    assert succeed(promtool, "test", "rules", *CASES).count("SUCCESS") == len(CASES)


def test_alertmanager_accepts_its_configuration():
    require_program("prometheus-alertmanager")
    succeed("amtool", "check-config", ROOT / "infra" / "alertmanager" / "alertmanager.yml")


def test_a_worker_that_is_down_silences_no_other_alert():
    rules = yaml.safe_load((ROOT / "infra" / "alertmanager" / "alertmanager.yml").read_text())[
        "inhibit_rules"
    ]
    assert not [rule for rule in rules if 'alertname="ScorerDown"' in rule["source_matchers"]]


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_is_complete(alert):
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]
    assert expected_outcomes(alert) == {True, False}


def test_each_runbook_belongs_to_an_alert():
    assert {path.name for path in (ROOT / "docs" / "runbooks").glob("*.md")} == {
        Path(rule["annotations"]["runbook_url"]).name for rule in ALERTS.values()
    }


def test_the_configurations_differ_only_in_their_targets():
    local, compose = (
        yaml.safe_load((PROMETHEUS / name).read_text())
        for name in ("prometheus.yml", "prometheus.compose.yml")
    )
    assert [job["job_name"] for job in local.pop("scrape_configs")] == [
        job["job_name"] for job in compose.pop("scrape_configs")
    ]
    for each in (local, compose):
        assert len(each["alerting"].pop("alertmanagers")) == 1
        assert list(each["global"].pop("external_labels")) == ["console"]
    assert local == compose
