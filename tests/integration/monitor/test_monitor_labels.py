"""Labels on a real Kafka: precision and recall of windows whose labels are due."""

import json
import threading
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry
from support.data.transactions import CREDITCARD
from support.data.windows import make_window
from support.topic_changes import (
    LIMITED_SENDER_TIME,
    PARTITIONS,
    delete_topic,
    grow_topic,
    recreate_with,
)
from support.topic_reader import read_json
from support.waiting import wait_for

import drift.labels.labelling
from drift import window_reader
from drift.labels.join import DecisionReader
from drift.labels.labelling import Labelling
from drift.metrics import LabelMetrics
from streams.kafka import topic_admin
from streams.kafka.topics import DRIFT_EVENTS, LABELS, PREDICTIONS

HORIZON_S = 3600.0
PER_WINDOW = 40


class World:
    """Windows of PER_WINDOW predictions each, and a clock for the test."""

    def __init__(self, connection):
        self.connection = connection
        self.decisions = DecisionReader(connection, CREDITCARD)
        recreate_with(connection, LABELS, LIMITED_SENDER_TIME)  # labels of the past
        self.ahead = timedelta()
        self.producer = Producer(connection.make_writer_config())
        self.number = 0

    def now(self):
        return datetime.now(UTC) + self.ahead

    def write(self, topic, value, partition=0, ago=timedelta()):
        sent = int((datetime.now(UTC) - ago).timestamp() * 1000)
        self.producer.produce(
            self.connection.qualify(topic),
            json.dumps(value).encode(),
            partition=partition,
            timestamp=sent,
        )

    def window(self, ago=timedelta()):
        """Write a window: payments 0 to 3 are blocked, 4 to 9 reviewed, the others approved."""
        n = self.number
        begin = self.now() - self.ahead - ago
        decisions = ["block"] * 4 + ["review"] * 6 + ["approve"] * (PER_WINDOW - 10)
        for i, decision in enumerate(decisions):
            value = {
                "transaction_id": f"{n}-{i}",
                "event_time": "2013-09-01T00:00:00Z",
                "decision": decision,
                "transaction": {},
            }
            self.write(PREDICTIONS, value, partition=i % 2)
        self.producer.flush(10)
        half = PER_WINDOW // 2
        self.number += 1
        event = make_window(
            n + 1,
            offsets={str(p): (n * half, (n + 1) * half) for p in (0, 1)},
            events=PER_WINDOW,
            closed_at=begin,
            begin=begin,
            end=datetime.now(UTC) - ago,
        )
        self.producer.produce(self.connection.qualify(DRIFT_EVENTS), msgspec.json.encode(event))
        self.producer.flush(10)
        return event

    def label(self, window, payments, fraud, source="chargeback", at=0, ago=timedelta()):
        for i in payments:
            labelled_at = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=at)).isoformat()
            fields = {
                "transaction_id": f"{window}-{i}",
                "is_fraud": fraud,
                "labelled_at": labelled_at,
                "source": source,
            }
            self.write(LABELS, fields, partition=i % 4, ago=ago)
        self.producer.flush(10)

    def labelled(self):
        events = read_json(self.connection, DRIFT_EVENTS, 0)
        return [event for event in events if event["kind"] == "labels"]


class Running:
    def __init__(self, world):
        self.registry, self.stop = CollectorRegistry(), threading.Event()
        self.thread = Labelling(
            world.decisions, LabelMetrics(self.registry), HORIZON_S, self.stop, world.now
        )
        self.thread._round_s = 0.05
        self.thread.start()

    def value(self, name, **labels):
        return self.registry.get_sample_value(name, labels)

    def wait_for(self, name, value, **labels):
        wait_for(lambda: self.value(name, **labels) == value, 60, f"{name} is {value}")

    def end(self):
        self.stop.set()
        self.thread.join(30)
        assert self.thread.failure is None


@pytest.fixture
def world(connection):
    return World(connection)


def test_a_window_is_evaluated_after_its_horizon_and_a_restart_continues(world):
    first = world.window()
    monitor = Running(world)
    monitor.thread.record_window(first)  # it is on the topic, too
    world.label(0, range(2), fraud=True, source="analyst")
    world.label(0, range(4, 8), fraud=True, at=1)
    world.label(0, range(4, 5), fraud=False, at=2)  # the last one wins
    world.label(0, range(10, 12), fraud=True)
    world.label(0, range(12, 22), fraud=False)
    monitor.wait_for("fraud_labels_read_total", 19, outcome="valid")
    assert world.labelled() == []
    assert monitor.value("fraud_label_recall") is None
    world.ahead = timedelta(seconds=HORIZON_S)
    monitor.wait_for("fraud_label_recall", 3 / 5)
    assert monitor.value("fraud_label_precision") == 5 / 6  # 2 blocked and 3 of 4 reviewed
    assert monitor.value("fraud_labelled_share") == 16 / 36
    assert monitor.value("fraud_label_payments", decision="approve", truth="unknown") == 18
    monitor.end()
    known = window_reader.read_labelled(
        world.decisions, first
    )  # reports leave out analysts' labels
    assert (
        len(known.fraud),
        known.alert.sum(),
        known.fraud.sum(),
        (known.alert & known.fraud).sum(),
    ) == (16, 4, 5, 3)

    world.ahead = timedelta()
    world.window()  # while no monitor runs
    world.label(1, range(20, 25), fraud=True)
    world.ahead = timedelta(seconds=HORIZON_S)
    again = Running(world)
    again.wait_for("fraud_label_recall", 3 / 10)  # both windows together
    again.end()
    found = world.labelled()
    assert [event["window"] for event in found] == [1, 2]
    assert found[0]["quality"]["block"] == {
        "payments": 4,
        "fraud": 0,
        "legitimate": 0,
        "analyst_fraud": 2,
        "analyst_legitimate": 0,
    }
    assert found[1]["quality"]["approve"]["fraud"] == 5


def test_windows_evaluated_together_count_their_own_payments(world):
    for _ in range(7):
        world.window()
    for n in range(7):
        world.label(n, range(4, 4 + n), fraud=True)
    world.ahead = timedelta(seconds=HORIZON_S + 1)
    monitor = Running(world)
    wait_for(lambda: len(world.labelled()) == 7, 30, "all windows to be evaluated")
    monitor.end()
    assert [event["quality"]["review"]["fraud"] for event in world.labelled()] == list(range(7))
    # 1, 2, ... frauds of 40; the first window has no label. Two windows against those before:
    # 11 of 80 against 10 of 160.
    rose = [event["frauds_rose"] for event in world.labelled()]
    assert rose == [None] * 3 + [False] * 4
    world.window()
    world.label(7, range(4, 4 + 20), fraud=True)
    again = Running(world)
    again.wait_for("fraud_label_fraud_rises_total", 1)
    assert again.value("fraud_label_frauds_rose") == 1
    again.end()
    restarted = Running(world)
    restarted.wait_for("fraud_label_frauds_rose", 1)
    restarted.end()
    assert restarted.value("fraud_label_fraud_rises_total") == 0
    assert all(
        sum(event["quality"][d]["payments"] for d in ("approve", "review", "block")) == PER_WINDOW
        for event in world.labelled()
    )


BEFORE = timedelta(seconds=HORIZON_S / 2)  # spans several indexes of labels


def test_labels_older_than_the_predictions_are_found_by_a_restart_and_by_a_report(world):
    world.label(0, range(4, 8), fraud=True, ago=BEFORE)  # the scorer was behind
    first = world.window()
    assert window_reader.read_labelled(world.decisions, first).fraud.sum() == 4
    world.ahead = timedelta(seconds=HORIZON_S)
    monitor = Running(world)
    wait_for(world.labelled, 30, "the window to be evaluated")
    monitor.end()
    assert world.labelled()[0]["quality"]["review"]["fraud"] == 4


def test_labels_older_than_the_predictions_are_kept(world):
    monitor = Running(world)
    world.label(0, range(4, 8), fraud=True, ago=BEFORE)
    monitor.wait_for("fraud_labels_read_total", 4, outcome="valid")
    world.label(9, [0], fraud=True)
    monitor.wait_for("fraud_labels_read_total", 5, outcome="valid")
    monitor.thread.record_window(world.window())
    world.label(9, [1], fraud=True)
    monitor.wait_for("fraud_labels_read_total", 6, outcome="valid")  # a round with the window
    world.ahead = timedelta(seconds=HORIZON_S)
    wait_for(world.labelled, 30, "the window to be evaluated")
    monitor.end()
    assert world.labelled()[0]["quality"]["review"]["fraud"] == 4


def test_labels_after_the_horizon_do_not_count_for_a_late_monitor_or_a_report(
    world,
):
    horizon = timedelta(seconds=HORIZON_S)
    window = world.window(ago=3 * horizon)
    world.label(0, range(4, 7), fraud=True, ago=2.5 * horizon)
    world.label(0, range(10, 11), fraud=True, ago=2.5 * horizon)
    world.label(0, range(4, 5), fraud=False, at=9, ago=1.5 * horizon)
    world.label(0, range(11, 21), fraud=True, ago=1.5 * horizon)
    assert (
        window_reader.read_labelled(world.decisions, window).fraud.sum() == 13
    )  # by the default horizon of a day
    monitor = Running(world)
    wait_for(world.labelled, 30, "the window to be evaluated")
    monitor.end()
    quality = world.labelled()[0]["quality"]
    assert (
        quality["review"]["fraud"],
        quality["approve"]["fraud"],
        quality["approve"]["legitimate"],
    ) == (3, 1, 0)
    known = window_reader.read_labelled(world.decisions, window)
    assert (len(known.fraud), known.fraud.sum(), (known.alert & known.fraud).sum()) == (4, 4, 3)


def test_rejected_events_are_written_again_and_duplicates_count_once(world, monkeypatch):
    settings = [
        {"message.timeout.ms": 1, "linger.ms": 0}
    ]  # for the first producer: expires before it finds the broker
    monkeypatch.setattr(
        drift.labels.labelling,
        "Producer",
        lambda own: Producer(own | (settings.pop() if settings else {})),
    )
    world.window()
    world.label(0, range(4, 8), fraud=True)
    world.ahead = timedelta(seconds=HORIZON_S + 1)
    monitor = Running(world)
    wait_for(world.labelled, 30, "the window to be evaluated")
    monitor.end()
    assert not settings
    world.write(DRIFT_EVENTS, world.labelled()[0])
    world.producer.flush(10)
    again = Running(world)
    wait_for(lambda: again.value("fraud_label_recall") is not None, 30, "the earlier evaluation")
    again.end()
    assert len(world.labelled()) == 2
    assert again.value("fraud_label_payments", decision="review", truth="fraud") == 4


def test_labels_of_new_partitions_and_of_a_recreated_topic_count(world, monkeypatch, caplog):
    monkeypatch.setattr("streams.kafka.topic_changes.LOOK_EVERY_S", 0.2)
    window = world.window()
    monitor = Running(world)
    monitor.wait_for("fraud_labels_held", 0)
    world.label(0, [0, 1], True)
    monitor.wait_for("fraud_labels_held", 2)
    delete_topic(world.connection, LABELS)
    wait_for(lambda: "trying again" in caplog.text, 30, "a round without the topic")
    topic_admin.create(world.connection, PARTITIONS)
    monitor.wait_for("fraud_labels_held", 0)  # the old topic is forgotten
    grow_topic(world.connection, LABELS, 6)
    world.producer = Producer(
        world.connection.make_writer_config({"topic.metadata.refresh.interval.ms": 100})
    )
    name = world.connection.qualify(LABELS)
    wait_for(lambda: 5 in world.producer.list_topics(timeout=10).topics[name].partitions, 30, "5")
    fields = {"is_fraud": True, "labelled_at": "2026-01-01T00:00:00Z", "source": "chargeback"}
    world.write(LABELS, {"transaction_id": "0-9", **fields}, partition=5)
    world.producer.flush(10)
    monitor.wait_for("fraud_labels_held", 1)
    monitor.thread.record_window(window)
    world.ahead = timedelta(seconds=HORIZON_S + 60)
    [labelled] = wait_for(world.labelled, 60, "the window is evaluated")
    monitor.end()
    quality = labelled["quality"]
    assert (quality["block"]["fraud"], quality["review"]["fraud"]) == (0, 1)
