"""Whether a consumer is in touch, by its statistics, with a clock that the test sets."""

import json

import pytest

from streams.kafka import coordinator_health
from streams.kafka.errors import OutageError


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(coordinator_health, "monotonic", lambda: now[0])
    return now


def told(of, state):
    of.settings["stats_cb"](json.dumps({"cgrp": {"state": state}} if state else {}))


def test_there_is_who_said_so_lately(clock):
    of = coordinator_health.CoordinatorHealth(pytest.fail)
    assert not of.is_up
    told(of, "up")
    assert of.is_up
    clock[0] += 2.9
    assert of.is_up
    clock[0] += 0.2
    assert not of.is_up, "whoever polls it waits for a commit: nobody knows"
    told(of, "up")
    assert of.is_up


@pytest.mark.parametrize("state", ["wait-coord", None])
def test_lost_is_who_found_no_way_for_a_minute(clock, state):
    lost = []
    of = coordinator_health.CoordinatorHealth(lost.append)
    told(of, "up")
    clock[0] += 59.0
    told(of, state)
    assert not of.is_up
    assert not lost
    clock[0] += 2.0
    told(of, state)
    assert [type(error) for error in lost] == [OutageError]


def test_a_new_one_has_a_minute_to_begin_with(clock):
    lost = []
    of = coordinator_health.CoordinatorHealth(lost.append)
    clock[0] += 59.0
    told(of, "init")
    assert not lost
    clock[0] += 2.0
    told(of, "init")
    assert len(lost) == 1
