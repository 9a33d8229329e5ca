"""Whether the coordinator is up, by the client's statistics and a clock that the test sets."""

import json

import pytest

from streams.kafka import coordinator_health
from streams.kafka.errors import OutageError


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(coordinator_health, "monotonic", lambda: now[0])
    return now


def report(health, state):
    health.settings["stats_cb"](json.dumps({"cgrp": {"state": state}} if state else {}))


def test_it_is_up_if_a_recent_report_says_so(clock):
    health = coordinator_health.CoordinatorHealth(pytest.fail)
    assert not health.is_up
    report(health, "up")
    assert health.is_up
    clock[0] += 2.9
    assert health.is_up
    clock[0] += 0.2
    assert not health.is_up, "no recent report: the polling thread waits for a commit"
    report(health, "up")
    assert health.is_up


@pytest.mark.parametrize("state", ["wait-coord", None])
def test_a_minute_without_contact_is_an_outage(clock, state):
    outages = []
    health = coordinator_health.CoordinatorHealth(outages.append)
    report(health, "up")
    clock[0] += 59.0
    report(health, state)
    assert not health.is_up
    assert not outages
    clock[0] += 2.0
    report(health, state)
    assert [type(error) for error in outages] == [OutageError]


def test_a_new_client_has_a_minute_to_connect(clock):
    outages = []
    health = coordinator_health.CoordinatorHealth(outages.append)
    clock[0] += 59.0
    report(health, "init")
    assert not outages
    clock[0] += 2.0
    report(health, "init")
    assert len(outages) == 1
