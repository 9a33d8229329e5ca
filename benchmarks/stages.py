"""CPU a transaction by stage: the real scorer, consumer and transactional producer, in this process, batch after batch."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from threading import Event
from time import monotonic, process_time
from typing import TypeVar

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from benchmarks.bench import DRAIN, Bench, BenchError
from benchmarks.topic import first_offsets
from model.artefact import Model, decisions, probabilities
from payments import features
from payments.records import ROW_BYTES, TransactionRecord, decode, inputs
from streams.kafka import topics
from streams.kafka.committer import TransactionalCommitter, producer_settings
from streams.kafka.connection import Connection
from streams.kafka.reader import gather
from streams.scorer.batch import Batch, Scored
from streams.scorer.consumer import CONSUMER_SETTINGS
from streams.scorer.scoring import Scorer

_BATCHES = 24
_EXPLAINED = 50  # rows of the TreeSHAP call that is timed
_WAIT_S = 30.0
_US = 1e6

Item = TypeVar("Item")


@dataclass(frozen=True)
class Stages:
    """Microseconds of CPU a transaction, medians over batches of `batch` records; librdkafka's threads are included.

    `scoring` is all of `Scorer.score`, `encode` what it takes beyond its other parts: outputs, keys, headers, JSON. `explain_alert` is
    a row of TreeSHAP, `explain` its share at the alert rate of these batches. `committing`: `write` and `commit`.
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


def profile(bench: Bench, size: int) -> Stages:
    """Measures every stage on records of the preloaded topic."""
    connection, model = bench.connection(DRAIN), Model.load(bench.model)
    batches, consume, metadata = _consume(connection, size)
    scorer = Scorer(model, lambda: datetime.now(UTC))
    scored = [scorer.score(batch) for batch in batches]
    scoring = _each(scorer.score, batches) / size
    parts = _Parts(model, batches[0])
    explain_alert = _each(lambda _: model.explain(parts.matrix[:_EXPLAINED]), batches) / min(
        _EXPLAINED, size
    )
    alerts = sum(done.outcomes.total() - done.outcomes["approve"] for done in scored) / (
        size * len(scored)
    )
    produce, commit, committing = _commits(connection, scored, metadata)
    decoding, packing, margins = (
        _each(part, batches) / size for part in (parts.decode, parts.pack, parts.score)
    )
    return Stages(
        batch=size,
        consume=consume * _US,
        decode=(decoding - packing) * _US,
        features=packing * _US,
        score=margins * _US,
        explain=explain_alert * alerts * _US,
        encode=(scoring - decoding - margins - explain_alert * alerts) * _US,
        produce=produce / size * _US,
        commit=commit / size * _US,
        scoring=scoring * _US,
        committing=committing / size * _US,
        explain_alert=explain_alert * _US,
    )


class _Parts:
    """The parts of `Scorer.score` by themselves, each over a whole batch; those behind the decoder take the first batch's rows."""

    def __init__(self, model: Model, first: Batch) -> None:
        self._model = model
        self._rows = bytearray(len(first.records) * ROW_BYTES)
        self._numbers = [
            inputs(self._record(record.value(), row)) for row, record in enumerate(first.records)
        ]
        self.matrix = features.matrix(self._numbers)

    def _record(self, value: bytes | None, row: int) -> TransactionRecord:
        return decode(value, self._rows, row)

    def decode(self, batch: Batch) -> None:
        for row, record in enumerate(batch.records):
            decode(record.value(), self._rows, row)

    def pack(self, _: Batch) -> None:
        for row, numbers in enumerate(self._numbers):
            features.pack(self._rows, row * ROW_BYTES, *numbers)

    def score(self, _: Batch) -> None:
        decisions(probabilities(self._model.margins(self.matrix)), self._model.thresholds)


def _each(work: Callable[[Item], object], items: Iterable[Item]) -> float:
    """The median CPU seconds of a call."""
    times = [process_time()]
    for item in items:
        work(item)
        times.append(process_time())
    return median(after - before for before, after in pairwise(times))


def _consume(connection: Connection, size: int) -> tuple[list[Batch], float, object]:
    """Batches of the preloaded topic, CPU seconds a record, and the group's metadata. Raises BenchError when they do not come."""
    consumer = Consumer(connection.reader("bench-stages", CONSUMER_SETTINGS))
    name = connection.named(topics.TRANSACTIONS)
    records: list[Message] = []
    try:
        consumer.assign(
            [
                TopicPartition(name, partition, offset)
                for partition, offset in first_offsets(connection).items()
            ]
        )
        deadline, started = monotonic() + _WAIT_S, process_time()
        while len(records) < size * _BATCHES:
            records += gather(consumer, size, 0.1)
            if monotonic() > deadline:
                raise BenchError(
                    f"{size * _BATCHES} records are needed to see the stages: preload more"
                )
        seconds = (process_time() - started) / len(records)
        batches = [
            Batch(0, number, records[number * size : (number + 1) * size])
            for number in range(_BATCHES)
        ]
        return batches, seconds, consumer.consumer_group_metadata()
    finally:
        consumer.close()


def _commits(
    connection: Connection, scored: list[Scored], metadata: object
) -> tuple[float, float, float]:
    """Median CPU seconds a batch: of producing until all is delivered, of ending the transaction, and of all as the worker does it."""
    producer = Producer(connection.writer(producer_settings(connection.named("bench-stages"))))
    committer = TransactionalCommitter(connection, [producer], Event())
    committer.open()

    def write_and_commit(done: Scored) -> None:
        committer.write(done.outputs)
        committer.commit(done.next_offsets(), metadata)

    committing = _each(write_and_commit, scored)
    source, times = connection.named(topics.TRANSACTIONS), []
    for done in scored:
        times.append([process_time()])
        producer.begin_transaction()
        for output in done.outputs:
            producer.produce(
                connection.named(output.topic), output.value, output.key, headers=output.headers
            )
        producer.flush()
        times[-1].append(process_time())
        producer.send_offsets_to_transaction(
            [TopicPartition(source, *place) for place in done.next_offsets().items()], metadata
        )
        producer.commit_transaction()
        times[-1].append(process_time())
    produce, commit = (median(row[at + 1] - row[at] for row in times) for at in (0, 1))
    return produce, commit, committing
