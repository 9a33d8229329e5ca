"""kill -9 of the monitor at the worst moments: no window is lost, and none is repeated."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.monitoring import SIZE, assert_each_in_one_window, events, predict, running
from support.waiting import wait_for

from drift.committer import WindowCommitter
from streams.kafka.errors import OutageError

TESTS = Path(__file__).resolve().parent.parent


def start(connection, folder, point="never", nth=1, *length):
    command = [
        sys.executable,
        str(TESTS / "chaos" / "dying_monitor.py"),
        connection.bootstrap_servers,
        connection.topic_prefix,
    ]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    return subprocess.Popen([*command, str(folder), point, str(nth), *length], env=environment)


def count_windows(connection):
    return len(events(connection, 0))


@pytest.mark.parametrize(
    "length", [(), pytest.param(("3600",), marks=pytest.mark.long)], ids=["count", "event time"]
)
def test_a_killed_monitor_loses_no_window_and_repeats_none(connection, tmp_path, length):
    count = 8 * SIZE
    after = 50 * len(length)
    # the first predictions of the ninth hour close the eighth window
    predict(connection, count + after, second=lambda i: i * 3600 / SIZE)
    for point, nth in (("report", 1), ("transaction", 2), ("committed", 2)):
        assert start(connection, tmp_path, point, nth, *length).wait(60) == -signal.SIGKILL
    # one committed before the report, one before the open transaction, and two
    assert count_windows(connection) == 4
    monitor = start(connection, tmp_path, "never", 1, *length)
    wait_for(lambda: count_windows(connection) == 8, 60, "the other windows")
    monitor.terminate()
    assert monitor.wait(10) == 0
    windows = events(connection, 8)
    assert [window["window"] for window in windows] == list(range(1, 9))
    assert [(window["events"], window["partial"]) for window in windows] == [(SIZE, False)] * 8
    assert_each_in_one_window(connection, windows, count, still_open=after)


def test_a_monitor_killed_at_any_moment_loses_no_window(connection, tmp_path):
    count = 30 * SIZE
    predict(connection, count)
    rng = random.Random(7)
    for _ in range(3):
        monitor = start(connection, tmp_path, "alarm", nth=rng.randint(1, 150))
        assert monitor.wait(60) == -signal.SIGALRM
    assert count_windows(connection) < 30
    monitor = start(connection, tmp_path)
    wait_for(lambda: count_windows(connection) >= 30, 60, "the other windows")
    monitor.terminate()
    assert monitor.wait(10) == 0
    assert_each_in_one_window(connection, events(connection, 30), count)


def test_an_outage_of_the_broker_closes_no_window(own_broker, own_connection, tmp_path):
    connection = own_connection
    predict(connection, SIZE + 100)
    passed = [0.0]
    with running(connection, tmp_path, idle_close=10.0, clock=lambda: passed[0]) as monitor:
        monitor.wait_for_windows(1)
        own_broker.stop()
        passed[0] += 3600.0
        own_broker.start(say=print)
        predict(connection, SIZE - 100, seed=3)
        monitor.wait_for_windows(2)
    windows = events(connection, 2)
    assert [window["partial"] for window in windows] == [False, False]
    assert_each_in_one_window(connection, windows, 2 * SIZE)


@pytest.mark.long
def test_a_monitor_without_a_coordinator_for_a_minute_continues_with_new_clients(
    own_broker, own_connection, tmp_path, caplog
):
    connection = own_connection
    predict(connection, SIZE + 100)
    with running(connection, tmp_path, idle_close=600.0) as monitor:
        monitor.wait_for_windows(1)
        own_broker.stop()
        wait_for(lambda: not monitor.monitor.ready, 30, "it is not ready")
        wait_for(
            lambda: "no contact with the group's coordinator for 60 s" in caplog.text,
            90,
            "it is logged",
        )
        own_broker.start(say=print)
        predict(connection, SIZE - 100, seed=3)
        monitor.wait_for_windows(2)
        assert monitor.monitor.ready
    assert_each_in_one_window(connection, events(connection, 2), 2 * SIZE)


def test_a_window_whose_commit_was_not_confirmed_is_reported_once(
    connection, tmp_path, monkeypatch
):
    written = []
    commit_window = WindowCommitter.commit_window

    def commit_unanswered(self, event, change, group_metadata):
        commit_window(self, event, change, group_metadata)
        written.append(event.window)
        if event.window == 1:
            raise OutageError("no answer")

    monkeypatch.setattr(WindowCommitter, "commit_window", commit_unanswered)
    predict(connection, 3 * SIZE)
    with running(connection, tmp_path) as monitor:
        monitor.wait_for_windows(3)
    assert written == [window.window for window in monitor.windows] == [1, 2, 3]
    assert monitor.writer.paths == []
    assert monitor.gauge("fraud_drift_reports_skipped_total") == 1  # that of the first window
    assert_each_in_one_window(connection, events(connection, 3), 3 * SIZE)
