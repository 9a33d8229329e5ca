"""What the labels' thread says while Kafka or a topic is away."""

import threading

from prometheus_client import CollectorRegistry
from support.data.transactions import CREDITCARD

from drift.labels.join import DecisionReader
from drift.labels.labelling import Labelling
from drift.metrics import LabelMetrics
from streams.kafka.connection import Connection
from streams.kafka.errors import ReadingStoppedError, TopicMissingError


def test_an_error_is_logged_once_until_it_changes(caplog):
    thread = Labelling(
        DecisionReader(Connection("127.0.0.1:9"), CREDITCARD),
        LabelMetrics(CollectorRegistry()),
        1.0,
        threading.Event(),
    )
    thread._round_s = 0
    gone = TopicMissingError(["labels"])
    silent = ReadingStoppedError("labels: no answer")
    errors = [gone, gone, gone, silent, silent, gone]

    def read():
        if errors:
            raise errors.pop(0)

    thread._retry(read)
    assert [line.split(", trying again")[0] for line in caplog.messages] == [
        f"labels: {error}" for error in (gone, silent, gone)
    ]
