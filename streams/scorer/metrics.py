"""Declares every metric of the scorer: name, kind, unit, meaning."""

import threading
from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
from confluent_kafka import TIMESTAMP_CREATE_TIME
from numpy.typing import ArrayLike
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from model.alert import ScoringModel
from payments.contract import DECISIONS
from payments.decoder import DEAD_LETTER_KINDS
from streams.kafka.group_consumer import OpenTransaction
from streams.latency_buckets import LATENCY_BUCKETS_S
from streams.scorer.batch import ScoredBatch

BATCH_BUCKETS = tuple(float(2**power) for power in range(13))  # 1 to 4096, the largest batch
# most scores are far below 1%; the decision thresholds are between 1% and 99%
PROBABILITY_BUCKETS = (
    1e-5,
    1e-4,
    3e-4,
    1e-3,
    3e-3,
    0.01,
    0.03,
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.9,
    0.95,
    0.99,
    1.0,
)


class BatchHistogram(Collector):
    """A Prometheus histogram that observes arrays: one call per batch, not per transaction."""

    def __init__(
        self, name: str, documentation: str, buckets: Sequence[float], registry: CollectorRegistry
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._bounds = np.array([*buckets, np.inf])
        self._counts = np.zeros(len(self._bounds), dtype=np.int64)
        self._sum = 0.0
        self._lock = threading.Lock()
        registry.register(self)

    def observe(self, values: ArrayLike) -> None:
        """Add all values (any shape)."""
        flat = np.asarray(values, dtype=np.float64).ravel()
        counts = np.bincount(
            np.searchsorted(self._bounds, flat, side="left"), minlength=len(self._bounds)
        )
        with self._lock:
            self._counts += counts
            self._sum += float(flat.sum())

    def collect(self) -> Iterable[Metric]:
        """Return the cumulative buckets, as Prometheus reads them."""
        with self._lock:
            cumulative = self._counts.cumsum()
            total = self._sum
        bounds = ["+Inf" if np.isinf(bound) else repr(float(bound)) for bound in self._bounds]
        buckets = [(bound, float(count)) for bound, count in zip(bounds, cumulative, strict=True)]
        yield HistogramMetricFamily(
            self._name, self._documentation, buckets=buckets, sum_value=total
        )


class ScorerMetrics:
    """The metrics of one worker. Counters increase after the commit has returned."""

    def __init__(
        self, registry: CollectorRegistry, topic: str, model: ScoringModel, restarts: int
    ) -> None:
        self._topic = topic
        self.transactions = Counter(
            "fraud_transactions_total", "Transactions by outcome", ["outcome"], registry=registry
        )
        self.dead_letters = Counter(
            "fraud_dead_letters_total", "Dead letters by kind", ["kind"], registry=registry
        )
        self.reasons = Counter(
            "fraud_alert_reasons_total",
            "Reasons given in alerts, by feature",
            ["feature"],
            registry=registry,
        )
        self.end_to_end = BatchHistogram(
            "fraud_end_to_end_seconds",
            "Record timestamp to committed prediction, in seconds; see fraud_sender_timestamps",
            LATENCY_BUCKETS_S,
            registry,
        )
        self.scoring = BatchHistogram(
            "fraud_scoring_seconds",
            "Decoding, scoring, explaining and encoding a batch, in seconds",
            LATENCY_BUCKETS_S,
            registry,
        )
        self.batch_size = BatchHistogram(
            "fraud_batch_size", "Records in a batch", BATCH_BUCKETS, registry
        )
        self.probability = BatchHistogram(
            "fraud_probability", "Predicted probability of fraud", PROBABILITY_BUCKETS, registry
        )
        partition = ["topic", "partition"]
        self.lag = Gauge(
            "fraud_consumer_lag", "Records waiting, by partition", partition, registry=registry
        )
        self.lag_seconds = Gauge(
            "fraud_consumer_lag_seconds",
            "Seconds since the last committed record was sent, while others wait",
            partition,
            registry=registry,
        )
        self.open_transaction_lag = Gauge(
            "fraud_open_transaction_lag",
            "Offsets behind an open transaction, which nobody can read yet, by partition",
            partition,
            registry=registry,
        )
        self.open_transaction_seconds = Gauge(
            "fraud_open_transaction_seconds",
            "Seconds since the worker first saw this transaction of a producer open, by partition",
            partition,
            registry=registry,
        )
        self.sender_timestamps = Gauge(
            "fraud_sender_timestamps",
            "1 if the last record's timestamp, and so its latency, is by the sender's clock; "
            "0 if it is by the broker's",
            registry=registry,
        )
        self.workers = Gauge("fraud_workers", "1 for each worker that is up", registry=registry)
        self.restarts = Counter(
            "fraud_worker_restarts_total", "Starts of this worker after it died", registry=registry
        )
        self.model = Gauge(
            "fraud_model_info", "1 for the model in use", ["version"], registry=registry
        )
        self.workers.set(1)
        self.restarts.inc(restarts)
        self.model.labels(model.version).set(1)
        for outcome in (*DECISIONS, "rejected"):
            self.transactions.labels(outcome)
        for kind in DEAD_LETTER_KINDS:
            self.dead_letters.labels(kind)
        # a series that began with its first alert would hide that alert from increase()
        for feature in model.features:
            self.reasons.labels(feature)
        # partition -> next offset, timestamp of the last record in seconds
        self._committed: dict[int, tuple[int, float]] = {}
        self._owned: set[int] = set()
        # partition -> offset of the first open transaction, time at which it was first seen
        self._open: dict[int, tuple[int, float]] = {}

    def record_commit(self, scored: ScoredBatch, now: datetime) -> None:
        """Count a batch that is committed, and so visible to readers."""
        for counter, counts in (
            (self.transactions, scored.outcomes),
            (self.dead_letters, scored.dead_letters),
            (self.reasons, scored.reasons),
        ):
            for label, count in counts.items():
                counter.labels(label).inc(count)
        sent = np.array([record.timestamp()[1] for record in scored.predicted]) / 1000
        self.end_to_end.observe(np.maximum(now.timestamp() - sent, 0.0))
        self.scoring.observe(scored.seconds)
        self.batch_size.observe(len(scored.batch.records))
        self.probability.observe(scored.probabilities)
        for number, record in scored.batch.find_last_records().items():
            kind, sent_ms = record.timestamp()
            self._committed[number] = (record.offset() + 1, sent_ms / 1000)
            self.sender_timestamps.set(kind == TIMESTAMP_CREATE_TIME)

    def set_lag(self, ranges: dict[int, tuple[int, int]], now: datetime) -> None:
        """Set the lag from (start, high watermark) of each partition owned; remove all others.

        Nothing before `start` is left to score.
        """
        for partition in self._owned - ranges.keys():
            for gauge in (
                self.lag,
                self.lag_seconds,
                self.open_transaction_lag,
                self.open_transaction_seconds,
            ):
                gauge.remove(self._topic, str(partition))
            self._committed.pop(partition, None)
        self._owned = set(ranges)
        for partition, (start, high) in ranges.items():
            offset, at = self._committed.get(partition, (start, 0.0))
            if at > now.timestamp():  # the sender's clock is ahead: count from now on
                at = now.timestamp()
                self._committed[partition] = (offset, at)
            waiting = max(high - max(offset, start), 0)
            self.lag.labels(self._topic, str(partition)).set(waiting)
            self.lag_seconds.labels(self._topic, str(partition)).set(
                max(now.timestamp() - at, 0.0) if waiting and at else 0.0
            )

    def set_open_transactions(self, found: dict[int, OpenTransaction], now: datetime) -> None:
        """Set how much is behind an open transaction, and for how long, in the owned partitions."""
        opened = {}
        for partition in self._owned:
            labels = (self._topic, str(partition))
            lag = 0
            seconds = 0.0
            if transaction := found.get(partition):
                begin, since = self._open.get(partition, (-1, 0.0))
                if begin != transaction.begin:
                    since = now.timestamp()
                opened[partition] = (transaction.begin, since)
                lag = transaction.end - transaction.begin
                seconds = max(now.timestamp() - since, 0.0)
            self.open_transaction_lag.labels(*labels).set(lag)
            self.open_transaction_seconds.labels(*labels).set(seconds)
        self._open = opened
