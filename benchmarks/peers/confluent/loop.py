"""The baseline: a bare confluent-kafka loop with one Kafka transaction per batch, exactly once.

It is not a stream processor and does not handle rebalances.
"""

import sys

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.peers.common import PeerScorer, PeerSettings
from model.artefact import Model
from payments.schema.reading import DEFAULT, read_schema

_BATCH = 4096


def main(number: str) -> None:
    """Read, score, write and commit in turn, until killed."""
    settings = PeerSettings.from_environment("confluent")
    scorer = PeerScorer(Model.load(settings.model, read_schema(DEFAULT)))
    consumer = Consumer(
        {
            "bootstrap.servers": settings.servers,
            "group.id": settings.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 5,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": settings.servers,
            "transactional.id": f"{settings.group}-{number}",
            "partitioner": "murmur2_random",
            "retry.backoff.ms": 5,
            "batch.size": 1_000_000,
            "batch.num.messages": 10_000,
            "linger.ms": 0,
            "compression.type": "lz4",
        }
    )
    producer.init_transactions()
    consumer.subscribe([settings.transactions])
    while True:
        first = consumer.poll(0.1)
        if first is None:
            continue
        messages = [
            message for message in (first, *consumer.consume(_BATCH - 1, 0)) if not message.error()
        ]
        producer.begin_transaction()
        positions = [(message.partition(), message.offset()) for message in messages]
        for scored in scorer.score([message.value() for message in messages], positions):
            producer.produce(settings.predictions, scored.prediction, scored.key)
            if scored.alert:
                producer.produce(settings.alerts, scored.alert, scored.key)
        places = {partition: offset + 1 for partition, offset in positions}
        offsets = [TopicPartition(settings.transactions, *place) for place in places.items()]
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
        producer.commit_transaction()


if __name__ == "__main__":
    main(sys.argv[1])
