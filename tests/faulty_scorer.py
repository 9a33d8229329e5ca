"""`fraud score` with a fault of choice: python tests/faulty_scorer.py FAULT --workers N --metrics-port PORT

Each FAULT kills the worker's first life with SIGKILL at a named point of its fifth batch. `offsets-outside` is a mutant on top of it:
it commits the offsets by themselves before the outputs, as many do.
"""

import argparse
import os
import signal
import sys
from dataclasses import replace
from functools import partial

from confluent_kafka import TopicPartition

from cli.score import run_worker
from cli.settings import Settings
from streams import worker
from streams.committer import TransactionalCommitter
from streams.options import Options
from streams.supervisor import Supervisor
from streams.topics import TRANSACTIONS

FATAL_BATCH = 5


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class Counting(TransactionalCommitter):
    """Knows which batch this is; `dies` is switched on for a worker's first life."""

    dies = False
    count = 0

    def commit(self, outputs, offsets, group_metadata):
        self.count += 1
        self.commit_batch(outputs, offsets, group_metadata, fatal=self.dies and self.count == FATAL_BATCH)

    def commit_batch(self, outputs, offsets, group_metadata, fatal):
        super().commit(outputs, offsets, group_metadata)


class BeforeTheTransaction(Counting):
    def commit_batch(self, outputs, offsets, group_metadata, fatal):
        if fatal:
            die()
        super().commit_batch(outputs, offsets, group_metadata, fatal)


class AfterProduce(Counting):
    fatal_now = False

    def commit_batch(self, outputs, offsets, group_metadata, fatal):
        self.fatal_now = fatal
        super().commit_batch(outputs, offsets, group_metadata, fatal)

    def _produce(self, outputs):
        super()._produce(outputs)
        if self.fatal_now:
            self._producer.flush(5)  # the records are on the broker, uncommitted
            die()


class AfterTheCommit(Counting):
    def commit_batch(self, outputs, offsets, group_metadata, fatal):
        super().commit_batch(outputs, offsets, group_metadata, fatal)
        if fatal:
            die()


class OffsetsOutside(Counting):
    """The mutant."""

    def commit_batch(self, outputs, offsets, group_metadata, fatal):
        topic = self._connection.named(TRANSACTIONS)
        self._producer.begin_transaction()
        self._producer.send_offsets_to_transaction([TopicPartition(topic, *item) for item in offsets.items()], group_metadata, 10)
        self._producer.commit_transaction(10)
        if fatal:
            die()
        self._producer.begin_transaction()
        self._produce(outputs)
        self._producer.commit_transaction(10)


FAULTS = {
    "before-the-transaction": BeforeTheTransaction,
    "after-produce": AfterProduce,
    "after-the-commit": AfterTheCommit,
    "offsets-outside": OffsetsOutside,
}


def run(settings, fault, number, restarts):
    FAULTS[fault].dies = restarts == 0
    worker.TransactionalCommitter = FAULTS[fault]
    run_worker(settings, number, restarts, Options())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("fault", choices=FAULTS)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--metrics-port", type=int)
    arguments = parser.parse_args()
    settings = replace(Settings.from_environment(), metrics_port=arguments.metrics_port)
    sys.exit(Supervisor(partial(run, settings, arguments.fault), arguments.workers).run())
