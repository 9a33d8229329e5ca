"""At least once: a batch's offsets are committed only after its outputs are acknowledged."""

import threading

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.kafka import topics
from streams.kafka.committer import FlushingCommitter
from streams.kafka.connection import Connection
from streams.kafka.errors import BatchAbortedError, OutputRefusedError
from streams.kafka.messages import Output


class Undelivered:
    """The message of a delivery report."""

    def topic(self):
        return topics.PREDICTIONS


class Acknowledging:
    """The client: what `flush` leaves unsent, and what the broker says to each message."""

    def __init__(self, committer):
        self.committer = committer
        self.error = None
        self.early = []

    def produce(self, *arguments, **options):
        pass

    def flush(self, timeout):
        self.early.append(self.committer.take_offsets_to_commit())
        if self.error is not None:
            self.committer._on_delivery_error(self.error, Undelivered())
        return 0


@pytest.fixture
def committer():
    made = FlushingCommitter(Connection("127.0.0.1:9"), threading.Event())
    made._producer = Acknowledging(made)
    made.write([Output(topics.PREDICTIONS, b"key", b"value", {})])
    return made


def test_offsets_are_done_after_the_flush_only(committer):
    committer.commit({0: 7}, None)
    assert committer._producer.early == [{}]
    assert committer.take_offsets_to_commit() == {0: 7}
    assert committer.take_offsets_to_commit() == {}


def test_offsets_of_refused_outputs_are_never_done(committer):
    committer._producer.error = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
    with pytest.raises(OutputRefusedError, match="predictions refuses an output as too large"):
        committer.commit({0: 7}, None)
    assert committer.take_offsets_to_commit() == {}


def test_a_client_that_could_not_take_them_leaves_the_offsets(committer):
    with pytest.raises(BatchAbortedError):
        committer.abort(KafkaException(KafkaError(KafkaError._QUEUE_FULL)))
    assert committer.take_offsets_to_commit() == {}
