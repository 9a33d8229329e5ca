"""Quix Streams: a streaming data frame, one record at a time because it has no batches.

The argument is the guarantee: `exactly-once` or `at-least-once`.
"""

import sys

from quixstreams import Application, message_context

from benchmarks.peers.common import PeerScorer, PeerSettings, ScoredOutputs
from model.artefact import Model
from payments.schema.reading import DEFAULT, read_schema

# Otherwise a fast reader stalls for up to 1 s each time its queue is full.
_READING = {"fetch.queue.backoff.ms": 5}
_WRITING = {
    "batch.size": 1_000_000,
    "batch.num.messages": 10_000,
    "retry.backoff.ms": 5,
    "compression.type": "lz4",
}


def main(guarantee: str) -> None:
    """Score until stopped."""
    settings = PeerSettings.from_environment("quix")
    scorer = PeerScorer(Model.load(settings.model, read_schema(DEFAULT)))
    app = Application(
        settings.servers,
        consumer_group=settings.group,
        auto_offset_reset="earliest",
        processing_guarantee=guarantee,
        commit_interval=1.0,  # the default shows everything up to 5 s late
        auto_create_topics=False,
        use_changelog_topics=False,
        consumer_extra_config=_READING,
        producer_extra_config=_WRITING,
        loglevel="WARNING",
    )
    transactions, predictions, alerts = (
        app.topic(
            name,
            value_deserializer="bytes",
            value_serializer="bytes",
            key_deserializer="bytes",
            key_serializer="bytes",
        )
        for name in (settings.transactions, settings.predictions, settings.alerts)
    )

    def score(value: bytes) -> ScoredOutputs:
        context = message_context()
        return scorer.score([value], [(context.partition, context.offset)])[0]

    scored = app.dataframe(transactions).apply(score)
    scored.apply(lambda outputs: outputs.prediction).to_topic(predictions)
    scored.filter(lambda outputs: outputs.alert is not None).apply(
        lambda outputs: outputs.alert
    ).to_topic(alerts)
    app.run()


if __name__ == "__main__":
    main(sys.argv[1])
