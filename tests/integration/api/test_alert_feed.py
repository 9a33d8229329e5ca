"""The alert feed on a real Kafka, with other events among the windows of `drift.events`."""

import json
import threading
from pathlib import Path

import pytest
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry
from support.waiting import wait_for

from api.alert_feed import AlertFeed
from api.alert_store import AlertStore
from streams.kafka.topics import DRIFT_EVENTS

EXAMPLES = Path(__file__).resolve().parents[3] / "docs/contract/examples"


def event(kind, **changes):
    return json.dumps(
        json.loads((EXAMPLES / f"drift-event{kind}.json").read_text()) | changes
    ).encode()


UNREADABLE = [None, b"", b"{", b"[" * 5_000]
LATER = [event("-severity"), *UNREADABLE, *20 * [event("-labels")]]


@pytest.fixture
def write(connection):
    producer = Producer(connection.writer_config())

    def write(*events):
        for value in events:
            producer.produce(connection.full_name(DRIFT_EVENTS), value)
        assert producer.flush(30) == 0

    return write


def skipped(registry):
    return registry.get_sample_value("fraud_skipped_records_total", {"topic": DRIFT_EVENTS})


def shown(store):
    return [window.window for window in store.list_windows()]


def test_the_store_gets_the_last_windows(connection, write):
    store, stop = AlertStore(), threading.Event()
    write(event("", window=7), event("", window=8), *LATER)
    registry = CollectorRegistry()
    feed = AlertFeed(connection, store, registry)
    thread = threading.Thread(target=feed.run, args=[stop])
    thread.start()
    try:
        wait_for(feed.loaded.is_set, 60, "the store is filled")
        assert shown(store) == [7, 8]
        write(event("", window=9), *LATER, event("", window=10), *LATER)
        wait_for(lambda: shown(store) == [7, 8, 9, 10], 60, "the last window is shown")
        wait_for(lambda: skipped(registry) >= 2 * len(UNREADABLE), 60, "all records are read")
        assert skipped(registry) == 2 * len(UNREADABLE)
    finally:
        stop.set()
        thread.join()
