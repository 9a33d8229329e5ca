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

    @property
    def fatal(self):
        return self.dies and self.count == FATAL_BATCH

    def write(self, outputs):
        self.count += 1
        super().write(outputs)


class BeforeTheTransaction(Counting):
    def write(self, outputs):
        if self.dies and self.count == FATAL_BATCH - 1:
            die()
        super().write(outputs)


class AfterProduce(Counting):
    def commit(self, offsets, group_metadata):
        if self.fatal:
            self._producer.flush(5)  # the records are on the broker, uncommitted
            die()
        super().commit(offsets, group_metadata)


class AfterTheCommit(Counting):
    def commit(self, offsets, group_metadata):
        super().commit(offsets, group_metadata)
        if self.fatal:
            die()


class OffsetsOutside(Counting):
    """The mutant."""

    def write(self, outputs):
        self.count += 1
        self.outputs = outputs

    def commit(self, offsets, group_metadata):
        topic = self._connection.named(TRANSACTIONS)
        self._producer.begin_transaction()
        self._producer.send_offsets_to_transaction([TopicPartition(topic, *item) for item in offsets.items()], group_metadata, 10)
        self._producer.commit_transaction(10)
        if self.fatal:
            die()
        TransactionalCommitter.write(self, self.outputs)
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
