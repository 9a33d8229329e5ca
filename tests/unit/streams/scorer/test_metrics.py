import json
import re
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from support.data.transactions import make_transaction, make_transaction_bytes
from support.fakes import NOW, FakeModel, FakeRecord, make_batch

from payments.contract import INPUTS
from streams.kafka.group_consumer import OpenTransaction
from streams.latency_buckets import LATENCY_BUCKETS_S
from streams.scorer.batch import Batch
from streams.scorer.metrics import BatchHistogram, ScorerMetrics
from streams.scorer.scoring import Scorer


def test_a_histogram_of_arrays_equals_the_librarys():
    values = [0.0, 0.001, 0.0010001, 0.5, 30.0, 31.0]
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    BatchHistogram("x_seconds", "X", LATENCY_BUCKETS_S, ours).observe(values)
    single = Histogram("x_seconds", "X", buckets=LATENCY_BUCKETS_S, registry=theirs)
    for value in values:
        single.observe(value)
    expected = [
        line for line in generate_latest(theirs).decode().splitlines() if "_created" not in line
    ]
    assert generate_latest(ours).decode().splitlines() == expected


NOW_MS = int(NOW.timestamp() * 1000)


@pytest.fixture
def metrics(registry):
    return ScorerMetrics(registry, "transactions", FakeModel("v1"), restarts=2)


def commit(metrics, batch, **model):
    metrics.record_commit(Scorer(FakeModel(**model), lambda: NOW).score(batch), NOW)


def test_counts_move_by_what_was_committed(registry, metrics):
    values = [
        make_transaction_bytes(0, V1=-3.0),
        make_transaction_bytes(1, V1=9.0),
        b"",
        make_transaction_bytes(2, V2=666.0),
    ]
    commit(metrics, make_batch(*values, sent_ms=NOW_MS - 20))
    value = registry.get_sample_value
    assert {
        name: value("fraud_transactions_total", {"outcome": name})
        for name in ("approve", "review", "block", "rejected")
    } == {"approve": 1, "review": 0, "block": 1, "rejected": 2}
    assert value("fraud_dead_letters_total", {"kind": "malformed_json"}) == 1
    assert value("fraud_dead_letters_total", {"kind": "scoring_failed"}) == 1
    assert value("fraud_dead_letters_total", {"kind": "too_large"}) == 0
    assert value("fraud_alert_reasons_total", {"feature": "V1"}) == 1
    assert value("fraud_end_to_end_seconds_count") == 2  # predictions, not dead letters
    assert value("fraud_end_to_end_seconds_sum") == pytest.approx(0.04)
    assert value("fraud_batch_size_sum") == 4
    assert value("fraud_probability_count") == 2
    assert value("fraud_worker_restarts_total") == 2
    assert value("fraud_model_info", {"version": "v1"}) == 1
    assert value("fraud_sender_timestamps") == 1


def test_lag_is_counted_from_the_last_commit_and_a_partition_that_left_has_none(registry, metrics):
    def lag(partition, name="fraud_consumer_lag"):
        labels = {"topic": "transactions", "partition": partition}
        return registry.get_sample_value(name, labels)

    metrics.set_lag({0: (5, 12), 1: (0, 0)}, NOW)
    assert (lag("0"), lag("1")) == (7, 0)
    commit(metrics, Batch(0, 0, [FakeRecord(make_transaction_bytes(1), 9, sent_ms=NOW_MS)]))
    later = NOW + timedelta(seconds=30)
    metrics.set_lag({0: (5, 12)}, later)
    assert (lag("0"), lag("1")) == (2, None)
    assert lag("0", "fraud_consumer_lag_seconds") == 30
    metrics.set_lag({0: (12, 12)}, later)  # what comes after the last record are markers
    assert (lag("0"), lag("0", "fraud_consumer_lag_seconds")) == (0, 0)


def test_a_timestamp_in_the_future_does_not_hide_the_lag(registry, metrics):
    ahead_ms = NOW_MS + 86_400_000
    commit(metrics, Batch(0, 0, [FakeRecord(make_transaction_bytes(1), 9, sent_ms=ahead_ms)]))
    for seconds in (0, 30):
        metrics.set_lag({0: (5, 12)}, NOW + timedelta(seconds=seconds))
    labels = {"topic": "transactions", "partition": "0"}
    assert registry.get_sample_value("fraud_consumer_lag_seconds", labels) == 30


def test_an_open_transaction_is_counted_and_timed_until_it_ends(registry, metrics):
    def values(partition):
        labels = {"topic": "transactions", "partition": partition}
        return tuple(
            registry.get_sample_value(f"fraud_open_transaction_{name}", labels)
            for name in ("lag", "seconds")
        )

    def look(seconds, **found):
        now = NOW + timedelta(seconds=seconds)
        places = {int(number[1:]): OpenTransaction(*place) for number, place in found.items()}
        metrics.set_lag({0: (5, 12), 1: (0, 0)}, now)
        metrics.set_open_transactions(places, now)
        return values("0"), values("1")

    assert look(0, p0=(5, 12), p7=(1, 2)) == ((7, 0), (0, 0))
    assert values("7") == (None, None)  # of another worker
    assert look(20, p0=(5, 15)) == ((10, 20), (0, 0))
    assert look(25, p0=(13, 15)) == ((2, 0), (0, 0))  # the next one
    assert look(40) == ((0, 0), (0, 0))
    metrics.set_lag({1: (0, 0)}, NOW)
    assert values("0") == (None, None)


def test_the_number_of_series_is_constant(registry, metrics):
    def series(seed):
        name = INPUTS[seed % len(INPUTS)]
        values = [
            b"not json %d" % seed,
            make_transaction_bytes(seed, **{name: None}),
            make_transaction_bytes(seed, **{name: f"word {seed}"}),
            json.dumps({f"field {seed}": seed}).encode(),
            json.dumps(
                make_transaction(seed, V1=9.0, account_id=f"account {seed}")
                | {f"extra {seed}": seed}
            ).encode(),
            make_transaction_bytes(seed, V2=666.0),
            make_transaction_bytes(seed, padding="x" * 70_000),
        ]
        commit(metrics, make_batch(*values, partition=seed), version=f"v{seed}")
        metrics.set_lag(dict.fromkeys(range(seed, seed + 4), (0, 9)), NOW)  # partitions come and go
        rejected = registry.get_sample_value("fraud_transactions_total", {"outcome": "rejected"})
        assert rejected == 6 * (seed + 1)
        return len(re.findall("^[^#]", generate_latest(registry).decode(), re.MULTILINE))

    assert {series(seed) for seed in range(100)} == {series(100)}
