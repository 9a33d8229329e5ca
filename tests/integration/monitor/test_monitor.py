"""The monitor on a real Kafka: windows, events and gauges."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from confluent_kafka.admin import AdminClient
from support.data.drifting import DECODER
from support.monitoring import (
    PARTITIONS,
    SIZE,
    assert_each_in_one_window,
    events,
    predict,
    prediction,
    running,
)
from support.publishing import publish
from support.topic_changes import delete_records, grow_topic, limit_messages, recreate_topic
from support.topic_reader import read_all
from support.waiting import wait_for

import drift.monitor
import drift.prediction_stream
from drift import predictions, window_reader
from drift.committer import WindowCommitter
from drift.errors import WindowGoneError
from streams.kafka.cluster import Cluster
from streams.kafka.errors import BatchAbortedError, OutputRefusedError, TopicMissingError
from streams.kafka.topics import DRIFT_EVENTS, PREDICTIONS


def gauges(monitor):
    families = [family for family in monitor.registry.collect() if family.type == "gauge"]
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def shares(connection):
    """Return the number of partitions of each group member."""
    admin = AdminClient(connection.make_client_config())
    group = connection.qualify("fraud-monitor")
    found = admin.describe_consumer_groups([group])[group].result(10)
    return [len(member.assignment.topic_partitions) for member in found.members]


def test_windows_cover_each_prediction_once_and_gauges_follow_them(connection, tmp_path):
    with running(connection, tmp_path, idle_close=1.0) as monitor:
        monitor.wait_until_ready()
        assert monitor.gauge("data_drift_score") is None
        assert monitor.gauge("data_drift_detected") is None
        predict(connection, 2 * SIZE)
        monitor.wait_for_windows(2)
        assert monitor.gauge("data_drift_detected") == 0
        assert monitor.gauge("data_drift_score") == monitor.windows[-1].score < 0.2
        predict(connection, SIZE + 250, shift=2.0, seed=3)
        monitor.wait_for_windows(4)
        assert monitor.gauge("data_drift_detected") == 1
        assert monitor.gauge("data_drift_score") == monitor.windows[2].score > 0.9
        assert monitor.gauge("fraud_drift_windows_total") == 4
        assert monitor.gauge("fraud_drift_severity") == 1
        messages = read_all(connection, PREDICTIONS, 3 * SIZE + 250)
        newest_ms = max(message.timestamp()[1] for message in messages)
        assert monitor.gauge("fraud_drift_window_end_timestamp_seconds") == newest_ms / 1000
    windows = events(connection, 4)
    assert_each_in_one_window(connection, windows, 3 * SIZE + 250)
    assert [window["window"] for window in windows] == [1, 2, 3, 4]
    assert [window["partial"] for window in windows] == [False, False, False, True]
    assert [window["detected"] for window in windows] == [
        False,
        False,
        True,
        None,
    ]  # 250 are too few for a verdict
    assert windows[-1]["score"] is None
    first, third = (
        f"reports/{connection.qualify(PREDICTIONS)}/window-{n:06d}.html" for n in (1, 3)
    )
    assert [window["report"] for window in windows] == [
        first,
        None,
        third,
        None,
    ]  # the first of each ten, and drifted windows
    assert monitor.writer.paths == ["window-000001.html", "window-000003.html"]
    assert (
        monitor.registry.get_sample_value("fraud_drift_reports_total", {"outcome": "written"}) == 2
    )
    assert [window["severity"] for window in windows] == ["ok", "ok", "warn", "warn"]
    (change,) = events(connection, 5, kind="severity")
    assert (change["window"], change["before"], change["after"], change["report"]) == (
        3,
        "ok",
        "warn",
        third,
    )
    assert change["top"] == windows[2]["top"]
    assert windows[2]["alerts"]["count"] == 0  # the test's predictions are all approved
    assert windows[2]["distances"]["V14"] == pytest.approx(2, abs=0.2)
    assert {window["model_version"] for window in windows} == {"v-test"}
    ends = {
        partition: max(window["offsets"][str(partition)][1] for window in windows)
        for partition in range(PARTITIONS)
    }
    cluster = Cluster(connection)
    assert cluster.find_committed("fraud-monitor", PREDICTIONS, list(range(PARTITIONS))) == ends
    assert read_all(connection, DRIFT_EVENTS, 5)[0].headers() is None


def test_numbers_and_windows_continue_after_a_restart(connection, tmp_path):
    predict(connection, SIZE)
    with running(connection, tmp_path) as monitor:
        monitor.wait_for_windows(1)
        predict(connection, SIZE, shift=4.0)
        monitor.wait_for_windows(2)
        predict(connection, SIZE, shift=8.0, seed=3)
        monitor.wait_for_windows(3)
    predict(connection, 100)
    with running(connection, tmp_path) as again:
        again.wait_until_ready()
        assert again.gauge("fraud_drift_severity") == 2
        assert again.gauge("data_drift_detected") == 1
        assert gauges(again) == gauges(monitor)
        assert again.gauge("fraud_drift_windows_total") == 0
    predict(connection, SIZE - 100, seed=4)
    with running(connection, tmp_path) as monitor:
        monitor.wait_for_windows(1)
    windows = events(connection, 4)
    assert [window["window"] for window in windows] == [1, 2, 3, 4]
    assert_each_in_one_window(connection, windows, 4 * SIZE)


def test_a_lasting_shift_is_found_across_a_restart(connection, tmp_path):
    predict(connection, 8 * SIZE, shift=2.0)
    with running(connection, tmp_path) as first:
        wait_for(lambda: len(first.windows) == 8, 30, "eight windows")
        assert first.gauge("fraud_drift_reference_severity") == 0
    predict(connection, 3 * SIZE, shift=2.0, seed=3)
    with running(connection, tmp_path) as again:
        wait_for(lambda: len(again.windows) == 3, 30, "three more")
        assert again.gauge("fraud_drift_reference_severity") == 2
        assert again.gauge("data_drift_detected") == 0  # the baseline has adapted
    windows = events(connection, 11)
    assert [window["reference_severity"] for window in windows] == ["ok"] * 9 + ["alarm"] * 2
    assert {"V14", "margin"} <= set(windows[-1]["shifted"])


def test_a_fresh_monitor_does_not_compare_with_earlier_windows(connection, tmp_path):
    with running(connection, tmp_path) as monitor:
        predict(connection, SIZE, shift=4.0)
        monitor.wait_for_windows(1)
    with running(connection, tmp_path, since=datetime.now(UTC)) as fresh:
        fresh.wait_until_ready()
        assert fresh.gauge("fraud_drift_severity") in {None, 0}
        predict(connection, SIZE, seed=3)
        fresh.wait_for_windows(1)
    assert [(window.window, window.detected) for window in fresh.windows] == [(2, False)]


def test_the_next_monitor_skips_windows_deleted_by_retention(connection, tmp_path):
    with running(connection, tmp_path) as monitor:
        predict(connection, 2 * SIZE)
        monitor.wait_for_windows(2)
    first = {
        int(partition): end for partition, (_, end) in events(connection, 2)[0]["offsets"].items()
    }
    delete_records(connection, PREDICTIONS, first)
    with running(connection, tmp_path) as monitor:
        predict(connection, SIZE, seed=3)
        monitor.wait_for_windows(1)
        assert (monitor.windows[0].window, monitor.windows[0].detected) == (3, False)
        assert len(monitor.monitor._baseline) == 2  # the second and the third


def test_windows_by_event_time_continue_after_a_restart_and_can_be_read_again(connection, tmp_path):
    def second(i):  # SIZE payments an hour, in order except for three in the second hour
        return 60 if i in (SIZE + 100, SIZE + 101, SIZE + 300) else i * 3600 / SIZE

    passed = [0.0]
    by_the_hour = {"size": timedelta(hours=1), "idle_close": 10.0, "clock": lambda: passed[0]}
    predict(connection, 2 * SIZE - 50, second=second)
    with running(connection, tmp_path, **by_the_hour) as monitor:
        monitor.wait_for_windows(1)
        assert monitor.gauge("fraud_drift_late_events_total") == 0
    predict(connection, 450, seed=3, second=lambda i: second(2 * SIZE - 50 + i))
    with running(connection, tmp_path, **by_the_hour) as monitor:
        monitor.wait_for_windows(1)
        assert monitor.gauge("fraud_drift_late_events_total") == 3

        def rest_is_closed():
            passed[0] += 5.0
            return sum(window.events for window in monitor.windows) == SIZE + 400

        wait_for(rest_is_closed, 60, "silence to close the rest, at once or in parts")
    windows = events(connection, 3)
    assert_each_in_one_window(connection, windows, 2 * SIZE + 400)
    assert [(window["events"], window["late"], window["partial"]) for window in windows[:2]] == [
        (SIZE, 0, False),
        (SIZE, 3, False),
    ]
    assert {(window["late"], window["partial"]) for window in windows[2:]} == {(0, True)}
    assert [window["interval"][0] for window in windows[:3]] == [
        f"2013-09-01T0{hour}:00:00Z" for hour in range(3)
    ]
    for event in window_reader.find_window(connection, 3)[1]:
        begin, end = (at.timestamp() * 1000 for at in event.interval)
        times = predictions.get_event_times(
            window_reader.read_window(connection, event, DECODER).rows()
        )
        assert sum(times < begin) == event.late
        assert max(times) < end


def test_a_window_whose_transaction_is_aborted_is_read_again(connection, tmp_path, monkeypatch):
    attempts = []

    class AbortsFirst(WindowCommitter):
        def commit_window(self, event, change, group_metadata):
            attempts.append(event)
            if len(attempts) == 2:
                self._producer.begin_transaction()
                self._producer.abort_transaction(10)
                raise BatchAbortedError("the test says so")
            super().commit_window(event, change, group_metadata)

    monkeypatch.setattr(drift.monitor, "WindowCommitter", AbortsFirst)
    predict(connection, 3 * SIZE)
    with running(connection, tmp_path) as monitor:
        monitor.wait_for_windows(3)
    windows = events(connection, 3)
    assert len(attempts) == 4
    assert [window["window"] for window in windows] == [1, 2, 3]
    assert_each_in_one_window(connection, windows, 3 * SIZE)


def test_an_event_that_its_topic_refuses_ends_the_monitor(connection, tmp_path):
    with running(connection, tmp_path) as monitor:
        monitor.wait_until_ready()
        limit_messages(connection, DRIFT_EVENTS, 100)
        predict(connection, SIZE)
        wait_for(lambda: monitor.failure, 30, "the monitor to fail")
    assert isinstance(monitor.failure, OutputRefusedError)
    assert "drift.events refuses an output as too large" in str(monitor.failure)
    assert monitor.windows == []


def test_a_second_member_takes_its_share_and_no_event_is_in_two_windows(connection, tmp_path):
    passed = [0.0]
    shared = {"idle_close": 10.0, "clock": lambda: passed[0]}
    predict(connection, SIZE + 300)
    with running(connection, tmp_path, instance="one", **shared) as first:
        first.wait_for_windows(1)
        with running(connection, tmp_path, instance="two", **shared) as second:
            wait_for(
                lambda: shares(connection) == [2, 2], 30, "the second member to have its share"
            )
            predict(connection, 2 * SIZE, seed=5)

            def all_in_windows():
                passed[0] += 5.0  # closes the open window now and then
                return (
                    sum(window.events for window in first.windows + second.windows)
                    >= 3 * SIZE + 300
                )

            wait_for(all_in_windows, 60, "every event in a window")
    windows = first.windows + second.windows
    assert second.windows
    numbered = [
        {"window": i, "events": window.events, "offsets": window.offsets}
        for i, window in enumerate(windows)
    ]
    assert_each_in_one_window(connection, numbered, 3 * SIZE + 300)


NO_PREDICTIONS = [
    None,
    b"",
    b'{"probability": 0.5}',
    b"\xff",
    b"[" * 5_000,
    prediction(1e300, np.zeros(30)),  # beyond the contract's float32
]


def test_records_that_are_no_predictions_are_skipped_and_counted(connection, tmp_path):
    publish(connection, PREDICTIONS, NO_PREDICTIONS, partition=2)
    publish(connection, DRIFT_EVENTS, [None, b"{"])
    predict(connection, SIZE)
    with running(connection, tmp_path) as monitor:
        monitor.wait_for_windows(1)
        skipped = monitor.registry.get_sample_value(
            "fraud_skipped_records_total", {"topic": "predictions"}
        )
        assert skipped == len(NO_PREDICTIONS)
        predict(connection, SIZE - 1, seed=3)
        publish(connection, PREDICTIONS, [None], partition=2)
    with running(connection, tmp_path) as monitor:
        predict(connection, 1, seed=4)
        monitor.wait_for_windows(1)
    second = monitor.windows[0]
    assert (second.window, second.events) == (2, SIZE)
    assert len(window_reader.read_window(connection, second, DECODER)) == SIZE


@pytest.fixture
def often(monkeypatch):
    """Look at the topics often."""
    monkeypatch.setattr("streams.kafka.topic_changes.LOOK_EVERY_S", 0.2)
    monkeypatch.setitem(
        drift.prediction_stream._SETTINGS, "topic.metadata.refresh.interval.ms", 200
    )


def test_new_partitions_are_monitored(connection, tmp_path, often):
    with running(connection, tmp_path) as monitor:
        monitor.wait_until_ready()
        grow_topic(connection, PREDICTIONS, PARTITIONS + 2)
        wait_for(lambda: sum(shares(connection)) == PARTITIONS + 2, 60, "the new partitions")
        predict(connection, SIZE - 1)
        last = prediction(0.0, np.zeros(30))
        publish(connection, PREDICTIONS, [last], partition=PARTITIONS + 1)
        monitor.wait_for_windows(1)
    assert str(PARTITIONS + 1) in monitor.windows[0].offsets


@pytest.mark.parametrize("is_running", [True, False])
def test_a_recreated_topic_is_read_from_its_beginning(connection, tmp_path, often, is_running):
    predict(connection, SIZE)
    with running(connection, tmp_path) as first:
        first.wait_for_windows(1)
        if is_running:
            recreate_topic(connection, PREDICTIONS)
            restarted = first
            predict(connection, SIZE, seed=3)
            first.wait_for_windows(2)
    if not is_running:
        recreate_topic(connection, PREDICTIONS)
        predict(connection, SIZE, seed=3)
        with running(connection, tmp_path) as restarted:
            restarted.wait_for_windows(1)
    old, new = first.windows[0], restarted.windows[-1]
    assert (new.window, new.events) == (2, SIZE)
    assert new.topic_id not in (None, old.topic_id)
    assert len(window_reader.read_window(connection, new, DECODER)) == SIZE
    assert new.distances == new.from_reference  # nothing of the old topic is in the baseline
    with pytest.raises(WindowGoneError, match="recreated"):
        window_reader.read_window(connection, old, DECODER)


def test_missing_topics_are_named(broker, tmp_path):
    from streams.kafka.connection import Connection

    with running(Connection(broker, topic_prefix="nothing.here."), tmp_path) as monitor:
        wait_for(lambda: monitor.failure, 30, "the monitor to fail")
    assert isinstance(monitor.failure, TopicMissingError)
