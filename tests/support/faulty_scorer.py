"""`fraud score` with a fault of choice: python tests/support/faulty_scorer.py POINT|none --workers N --metrics-port PORT

At POINT, once it has begun its fifth transaction, the first life of worker 0 sends itself SIGKILL; with --stop SIGSTOP: it is a zombie
when it is let go on. --raise-on ID: its scorer raises on a batch with this transaction. --offsets-outside is a mutant on top of it: it
commits the offsets by themselves before the outputs, as many do.
"""

import argparse
import signal
import sys
import threading
from dataclasses import replace
from functools import partial

from confluent_kafka import Producer, TopicPartition

from cli.commands.score import run_worker
from cli.support.settings import Settings
from streams.kafka.committer import TransactionalCommitter
from streams.kafka.topics import TRANSACTIONS
from streams.scorer import worker
from streams.scorer.options import ScorerOptions
from streams.scorer.scoring import Scorer
from streams.scorer.supervisor import Supervisor

FATAL = 5
POINTS = (
    "after-poll",
    "after-scoring",
    "after-produce",
    "before-the-commit-request",
    "after-the-commit-request",
)
WRITTEN = POINTS[2:4]


class Faulty(Producer):
    """Sends its process a signal at one point of one transaction, counted over all producers. `point` is None in a life without a fault."""

    point, signal = None, signal.SIGKILL
    transactions = 0

    def reached(self, here):
        if here == self.point and here in WRITTEN and self.transactions == FATAL:
            self.flush(5)  # the records are on the broker, uncommitted
        self.signal_at(here)

    @classmethod
    def signal_at(cls, here):
        if here == cls.point and cls.transactions == FATAL:
            cls.point = None
            # to this thread: SIGSTOP to the process is taken by any of its threads, while this one may go on and commit
            signal.pthread_kill(threading.get_ident(), cls.signal)

    def begin_transaction(self):
        Faulty.transactions += 1
        self.reached("after-scoring")  # nothing of it has left the process
        super().begin_transaction()

    def send_offsets_to_transaction(self, *arguments):
        self.reached("after-produce")
        super().send_offsets_to_transaction(*arguments)

    def commit_transaction(self, *arguments):
        self.reached("before-the-commit-request")
        super().commit_transaction(*arguments)
        self.reached("after-the-commit-request")


class OffsetsOutside(TransactionalCommitter):
    """The mutant: of each two transactions the first holds the offsets, the second the outputs."""

    def write(self, outputs):
        self.outputs = outputs

    def commit(self, offsets, group_metadata):
        topic = self._connection.named(TRANSACTIONS)
        self._producer.begin_transaction()
        self._producer.send_offsets_to_transaction(
            [TopicPartition(topic, *item) for item in offsets.items()], group_metadata, 10
        )
        self._producer.commit_transaction(10)
        super().write(self.outputs)
        self._producer.commit_transaction(10)


class FaultyScorer(Scorer):
    """Fails on every batch that holds one transaction, where one is named, as a model with a fault would."""

    transaction = None

    def score(self, batch):
        Faulty.signal_at("after-poll")
        return super().score(batch)

    def _score(self, records, scored):
        if self.transaction and any(
            self.transaction in (record.value() or b"") for record in records
        ):
            raise RuntimeError("the model has a fault")
        super()._score(records, scored)


def run(settings, arguments, number, restarts):
    if number == restarts == 0:
        Faulty.point = arguments.point
        Faulty.signal = signal.SIGSTOP if arguments.stop else signal.SIGKILL
    worker.Producer = Faulty
    worker.Scorer = FaultyScorer
    if arguments.raise_on:
        FaultyScorer.transaction = f'"{arguments.raise_on}"'.encode()
    if arguments.offsets_outside:
        worker.TransactionalCommitter = OffsetsOutside
    run_worker(settings, number, restarts, ScorerOptions())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("point", choices=(*POINTS, "none"))
    parser.add_argument("--stop", action="store_true")
    parser.add_argument("--raise-on")
    parser.add_argument("--offsets-outside", action="store_true")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--metrics-port", type=int)
    arguments = parser.parse_args()
    settings = replace(Settings.from_environment(), metrics_port=arguments.metrics_port)
    sys.exit(Supervisor(partial(run, settings, arguments), arguments.workers).run())
