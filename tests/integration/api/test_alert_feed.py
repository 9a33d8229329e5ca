"""The alert feed on a real Kafka, with other events among the windows of `drift.events`."""

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry
from support.data.transactions import CREDITCARD
from support.paths import ROOT
from support.publishing import publish
from support.topic_changes import grow_topic, recreate_topic
from support.waiting import wait_for

from api.alert_feed import AlertFeed
from api.alert_store import AlertStore
from cli.commands.alerts import _follow
from streams.kafka.cluster import Cluster
from streams.kafka.topic_changes import TopicChanges
from streams.kafka.topics import ALERTS, DRIFT_EVENTS, LABELS

EXAMPLES = ROOT / "docs/contract/examples"


def event(kind, **changes):
    return json.dumps(
        json.loads((EXAMPLES / f"drift-event{kind}.json").read_text()) | changes
    ).encode()


UNREADABLE = [None, b"", b"{", b"[" * 5_000]
LATER = [event("-severity"), *UNREADABLE, *20 * [event("-labels")]]


@pytest.fixture
def write(connection):
    return lambda *events: publish(connection, DRIFT_EVENTS, events, key=b"monitor")


def skipped(registry):
    return registry.get_sample_value("fraud_skipped_records_total", {"topic": DRIFT_EVENTS})


def shown(store):
    return [window.window for window in store.list_windows()]


@contextmanager
def running(connection, store, registry=None, since=None):
    stop = threading.Event()
    feed = AlertFeed(connection, store, registry or CollectorRegistry(), since)
    thread = threading.Thread(target=feed.run, args=[stop])
    thread.start()
    try:
        wait_for(feed.loaded.is_set, 60, "the store is filled")
        yield feed
    finally:
        stop.set()
        thread.join()


def test_the_store_gets_the_last_windows(connection, write):
    store = AlertStore(CREDITCARD)
    write(event("", window=7), event("", window=8), *LATER)
    registry = CollectorRegistry()
    with running(connection, store, registry):
        assert shown(store) == [7, 8]
        write(event("", window=9), *LATER, event("", window=10), *LATER)
        wait_for(lambda: shown(store) == [7, 8, 9, 10], 60, "the last window is shown")
        wait_for(lambda: skipped(registry) >= 2 * len(UNREADABLE), 60, "all records are read")
        assert skipped(registry) == 2 * len(UNREADABLE)


def test_a_fresh_store_has_no_windows_from_before(connection, write):
    write(event("", window=7))
    store = AlertStore(CREDITCARD)
    with running(connection, store, since=datetime.now(UTC)):
        assert shown(store) == []
        write(event("", window=8))
        wait_for(lambda: shown(store) == [8], 60, "the new window is shown")


ALERT = (EXAMPLES / "alert.json").read_bytes()
ACCOUNT = json.loads(ALERT)["transaction"]["account_id"]


@pytest.fixture
def often(monkeypatch):
    """Look at the topics often."""
    monkeypatch.setattr("streams.kafka.topic_changes.LOOK_EVERY_S", 0.2)


def send(connection, topic, value, partition):
    cluster = Cluster(connection)
    wait_for(lambda: partition in cluster.list_partitions(topic)[topic], 30, "the partition exists")
    publish(connection, topic, [value], partition=partition)


def test_new_partitions_are_read_from_their_beginning(connection, often):
    store = AlertStore(CREDITCARD)
    with running(connection, store):
        for topic in (ALERTS, LABELS):
            grow_topic(connection, topic, 6)
        send(connection, ALERTS, ALERT, 5)
        [item] = wait_for(store.list_items, 60, "the alert of the new partition")
        assert item.position == "5-0"
        label = {
            "transaction_id": item.alert.transaction_id,
            "account_id": ACCOUNT,
            "is_fraud": True,
            "labelled_at": "2099-01-01T00:00:00Z",
            "source": "analyst",
        }
        send(connection, LABELS, json.dumps(label).encode(), 4)
        wait_for(lambda: store.list_items()[0].label, 60, "the label of the new partition")


def test_a_recreated_topic_is_never_mixed_with_the_old_one(connection, often):
    store = AlertStore(CREDITCARD)
    publish(connection, ALERTS, [ALERT, ALERT], partition=1)
    with running(connection, store):
        assert [item.position for item in store.list_items()] == ["1-0", "1-1"]
        before = store.start
        recreate_topic(connection, ALERTS)
        wait_for(lambda: store.start != before, 60, "the store forgets the old topic")
        new = json.dumps(json.loads(ALERT) | {"transaction_id": "new"}).encode()
        send(connection, ALERTS, new, 1)
        [item] = wait_for(store.list_items, 60, "the alert of the new topic")
        assert (item.position, item.alert.transaction_id) == ("1-0", "new")


def test_fraud_alerts_follows_new_partitions_and_recreated_topics(connection, often, capsys):
    followed = _follow(connection, TopicChanges(connection, ALERTS), {})
    grow_topic(connection, ALERTS, 6)
    send(connection, ALERTS, ALERT, 5)
    [message] = next(followed)
    assert (message.partition(), message.offset()) == (5, 0)
    recreate_topic(connection, ALERTS)
    send(connection, ALERTS, ALERT, 1)
    said = ""
    while "was recreated" not in said:  # it may be read before that is noticed
        [message] = next(followed)
        assert (message.partition(), message.offset()) == (1, 0)
        said += capsys.readouterr().err
    followed.close()
