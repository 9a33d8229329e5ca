"""Bytewax: its Kafka source and sink, scoring whole batches with `flat_map_batch`.

It runs one process per core, because threads would share one GIL. With recovery on, as here, it is
at least once: offsets are in its snapshots, and output since the last snapshot is written again.
"""

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow

from benchmarks.peers.common import PeerScorer, PeerSettings
from model.artefact import Model
from payments.schema.reading import DEFAULT, read_schema

_BATCH = 4096
# Otherwise a fast reader stalls for up to 1 s each time its queue is full.
_READING = {"fetch.queue.backoff.ms": "5"}
# Not idempotent, as in Bytewax's own examples: librdkafka's idempotent producer spins while records
# wait (see streams/kafka/committer.py), which cost two thirds of its rate or more.
_WRITING = {
    "batch.size": "1000000",
    "batch.num.messages": "10000",
    "partitioner": "murmur2_random",
    "compression.type": "lz4",
}

settings = PeerSettings.from_environment("bytewax")
scorer = PeerScorer(Model.load(settings.model, read_schema(DEFAULT)))


def score(messages: list[KafkaSourceMessage]) -> list[KafkaSinkMessage]:
    """Return the predictions and alerts of a batch."""
    written = []
    positions = [(message.partition, message.offset) for message in messages]
    for scored in scorer.score([message.value for message in messages], positions):
        written.append(KafkaSinkMessage(scored.key, scored.prediction, settings.predictions))
        if scored.alert:
            written.append(KafkaSinkMessage(scored.key, scored.alert, settings.alerts))
    return written


flow = Dataflow("scorer")
transactions = op.input(
    "transactions",
    flow,
    KafkaSource(
        [settings.servers], [settings.transactions], batch_size=_BATCH, add_config=_READING
    ),
)
op.output(
    "outputs",
    op.flat_map_batch("score", transactions, score),
    KafkaSink([settings.servers], None, add_config=_WRITING),
)
