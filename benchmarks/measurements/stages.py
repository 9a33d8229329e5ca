"""Measure CPU per transaction by stage, with the real scorer, consumer and transactional producer.

Everything runs in this process, one batch at a time.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from threading import Event
from time import monotonic, process_time
from typing import TypeVar

import numpy as np
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from benchmarks.harness.bench import DRAIN, Bench, BenchError
from benchmarks.harness.topic import find_first_offsets
from model.artefact import Model, compute_probabilities, decide
from payments.schema.reading import DEFAULT, read_schema
from streams.kafka import topics
from streams.kafka.clock import get_utc_now
from streams.kafka.committer import TransactionalCommitter, make_producer_settings
from streams.kafka.connection import Connection
from streams.kafka.reader import poll_batch
from streams.scorer.batch import Batch, ScoredBatch
from streams.scorer.consumer import CONSUMER_SETTINGS
from streams.scorer.scoring import Scorer

_BATCHES = 24
_EXPLAINED = 50  # rows of the timed TreeSHAP call
_WAIT_S = 30.0

Item = TypeVar("Item")


@dataclass(frozen=True)
class Stages:
    """Microseconds of CPU per transaction, including librdkafka's threads.

    Medians over batches of `batch` records. `scoring` is all of `Scorer.score`, and `encode` the
    rest of it after its other parts: outputs, keys, JSON. `explain_alert` is one row of
    TreeSHAP, `explain` its share at the alert rate of these batches. `committing` is `write` and
    `commit`.
    """

    batch: int
    consume: float
    decode: float
    features: float
    score: float
    explain: float
    encode: float
    produce: float
    commit: float
    scoring: float
    committing: float
    explain_alert: float


def measure_stages(bench: Bench, size: int) -> Stages:
    """Measure every stage on records of the preloaded topic. Raises BenchError."""
    connection = bench.make_connection(DRAIN)
    model = Model.load(bench.model, read_schema(DEFAULT))
    batches, consume, metadata = _consume(connection, size)
    scorer = Scorer(model, get_utc_now)
    scored = [scorer.score(batch) for batch in batches]
    scoring = _measure_median_cpu(scorer.score, batches) / size
    parts = _Parts(model, batches[0])
    explained = parts.matrix[:_EXPLAINED]
    explain_alert = _measure_median_cpu(lambda _: model.explain(explained), batches) / len(
        explained
    )
    alerts = sum(done.outcomes.total() - done.outcomes["approve"] for done in scored)
    explain = explain_alert * alerts / (size * len(scored))
    produce, commit, committing = _measure_commits(connection, scored, metadata)
    decoding = _measure_median_cpu(parts.decode, batches) / size
    packing = _measure_median_cpu(parts.pack, batches) / size
    margins = _measure_median_cpu(parts.score, batches) / size
    return Stages(
        batch=size,
        consume=consume,
        decode=decoding - packing,
        features=packing,
        score=margins,
        explain=explain,
        encode=scoring - decoding - margins - explain,
        produce=produce / size,
        commit=commit / size,
        scoring=scoring,
        committing=committing / size,
        explain_alert=explain_alert,
    )


class _Parts:
    """The parts of `Scorer.score`, each run separately on a whole batch.

    The parts after the decoder use the rows of the first batch.
    """

    def __init__(self, model: Model, first: Batch) -> None:
        self._model = model
        self._encoder = model.decoder.encoder
        self._rows = bytearray(len(first.records) * self._encoder.row_bytes)
        self._values = [
            model.decoder.decode(record.value(), self._rows, row).values
            for row, record in enumerate(first.records)
        ]
        self.matrix = np.frombuffer(bytes(self._rows), np.float32).reshape(len(self._values), -1)

    def decode(self, batch: Batch) -> None:
        for row, record in enumerate(batch.records):
            self._model.decoder.decode(record.value(), self._rows, row)

    def pack(self, _: Batch) -> None:
        for row, values in enumerate(self._values):
            self._encoder.pack(self._rows, row, values)

    def score(self, _: Batch) -> None:
        decide(
            compute_probabilities(self._model.compute_margins(self.matrix)), self._model.thresholds
        )


def _measure_median_cpu(work: Callable[[Item], object], items: Iterable[Item]) -> float:
    """Return the median CPU microseconds of a call."""
    times = [_read_cpu_us()]
    for item in items:
        work(item)
        times.append(_read_cpu_us())
    return median(after - before for before, after in pairwise(times))


def _read_cpu_us() -> float:
    return 1e6 * process_time()


def _consume(connection: Connection, size: int) -> tuple[list[Batch], float, object]:
    """Return batches of the preloaded topic, CPU microseconds per record, and the group metadata.

    Raises BenchError if there are too few records.
    """
    consumer = Consumer(connection.make_reader_config("bench-stages", CONSUMER_SETTINGS))
    name = connection.qualify(topics.TRANSACTIONS)
    records: list[Message] = []
    try:
        starts = find_first_offsets(connection).items()
        consumer.assign([TopicPartition(name, *start) for start in starts])
        deadline = monotonic() + _WAIT_S
        started = _read_cpu_us()
        while len(records) < size * _BATCHES:
            records += poll_batch(consumer, size, 0.1)
            if monotonic() > deadline:
                raise BenchError(f"the stages need {size * _BATCHES} records: preload more")
        per_record = (_read_cpu_us() - started) / len(records)
        batches = [
            Batch(0, number, records[number * size : (number + 1) * size])
            for number in range(_BATCHES)
        ]
        return batches, per_record, consumer.consumer_group_metadata()
    finally:
        consumer.close()


def _measure_commits(
    connection: Connection, scored: list[ScoredBatch], metadata: object
) -> tuple[float, float, float]:
    """Return the median CPU microseconds per batch of three steps.

    Producing until everything is delivered; ending the transaction; both, as the worker does it.
    """
    producer = Producer(
        connection.make_writer_config(make_producer_settings(connection.qualify("bench-stages")))
    )
    committer = TransactionalCommitter(
        connection, ["bench-stages"], Event(), client=lambda _: producer
    )
    committer.open()

    def write_and_commit(done: ScoredBatch) -> None:
        committer.write(done.outputs)
        committer.commit(done.find_next_offsets(), metadata)

    committing = _measure_median_cpu(write_and_commit, scored)
    transactions = connection.qualify(topics.TRANSACTIONS)
    produce: list[float] = []
    commit: list[float] = []
    for done in scored:
        begin = _read_cpu_us()
        producer.begin_transaction()
        for output in done.outputs:
            producer.produce(
                connection.qualify(output.topic), output.value, output.key, headers=output.headers
            )
        producer.flush()
        delivered = _read_cpu_us()
        offsets = [
            TopicPartition(transactions, *position) for position in done.find_next_offsets().items()
        ]
        producer.send_offsets_to_transaction(offsets, metadata)
        producer.commit_transaction()
        produce.append(delivered - begin)
        commit.append(_read_cpu_us() - delivered)
    return median(produce), median(commit), committing
