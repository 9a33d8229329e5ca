"""Compares the features that predictions carry with those rebuilt from `history`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
from confluent_kafka import Message

from payments.arrays import Singles
from payments.records import UNREADABLE, SourceRecord
from payments.schema.reading import Schema
from streams.history.block import Block, decode
from streams.history.rebuild import rebuild
from streams.kafka import reader
from streams.kafka.cluster import Cluster
from streams.kafka.connection import Connection
from streams.kafka.messages import Position
from streams.kafka.topics import HISTORY, PREDICTIONS

FIRST = 10  # differences that are named


class _Prediction(msgspec.Struct, gc=False):
    """The members of a prediction that say what its payment's features were."""

    transaction_id: str
    schema: str
    source: SourceRecord  # type: ignore[valid-type]
    features: list[float | None]


_decode = msgspec.json.Decoder(_Prediction).decode


@dataclass
class FeatureAudit:
    """How many predictions carry the features that follow from `history`.

    `skipped`: predictions of another schema or contract, and those without a block.
    `first_different` names the first ones: a transaction's id, a feature, what the prediction says
    and what follows.
    """

    checked: int = 0
    different: int = 0
    skipped: int = 0
    first_different: list[tuple[str, str, float, float]] = field(default_factory=list)

    @property
    def proves(self) -> bool:
        """Whether something was compared and nothing differs."""
        return self.checked > 0 and self.different == 0


def audit_features(
    connection: Connection,
    schema: Schema,
    since: datetime | None,
    on_progress: reader.ReadProgress,
) -> FeatureAudit:
    """Compare the predictions of the time since `since`, or all, with `history`.

    Raises ReadingError, BlockError, KafkaException.
    """
    cluster = Cluster(connection)
    names = schema.history_features
    result = FeatureAudit()
    carried: dict[Position, tuple[str, Singles]] = {}
    begin, end = reader.find_range(cluster, PREDICTIONS, since=since)
    for messages in reader.read_with_progress(connection, PREDICTIONS, begin, end, on_progress):
        for message in messages:
            found = _read_features(message, schema, len(names))
            if found is None:
                result.skipped += 1
            else:
                carried[found[0]] = found[1:]
    # after the predictions, so that each of them has its block
    begin, end = reader.find_range(cluster, HISTORY)
    blocks: list[Block] = []
    for messages in reader.read_with_progress(connection, HISTORY, begin, end, on_progress):
        blocks += [decode(message.value()) for message in messages]
    for batch in rebuild(schema, blocks):
        positions = zip(batch.partitions.tolist(), batch.offsets.tolist(), strict=True)
        for position, features in zip(positions, batch.features, strict=True):
            prediction = carried.pop(position, None)
            if prediction is not None:
                _compare(result, prediction, features, names)
    result.skipped += len(carried)
    return result


def _read_features(
    message: Message, schema: Schema, count: int
) -> tuple[Position, str, Singles] | None:
    """Return a prediction's source, its transaction's id and its features of history."""
    try:
        prediction: Any = _decode(message.value() or b"")
    except UNREADABLE:
        return None
    if prediction.schema != schema.reference or len(prediction.features) < count:
        return None
    features = np.array(prediction.features[-count:], np.float32)
    return (
        (prediction.source.partition, prediction.source.offset),
        prediction.transaction_id,
        features,
    )


def _compare(
    result: FeatureAudit, prediction: tuple[str, Singles], features: Singles, names: Sequence[str]
) -> None:
    transaction_id, carried = prediction
    result.checked += 1
    differing = np.flatnonzero(~((carried == features) | (np.isnan(carried) & np.isnan(features))))
    if not len(differing):
        return
    result.different += 1
    if len(result.first_different) < FIRST:
        first = int(differing[0])
        difference = (transaction_id, names[first], float(carried[first]), float(features[first]))
        result.first_different.append(difference)
