"""Run `fraud score` with a fault.

    python tests/support/faulty_scorer.py POINT|none --workers N --metrics-port PORT

In its fifth transaction, the first process of worker 0 sends itself SIGKILL at POINT, or with
--stop SIGSTOP: once resumed, it is a zombie. With --raise-on ID, scoring raises on a batch with
this transaction. With --offsets-outside, a mutant, offsets are committed before the outputs in a
transaction without them, a common mistake.
"""

import argparse
import signal
import sys
import threading
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


class FaultyProducer(Producer):
    """Sends its process a signal at one point of the fifth transaction of all producers together.

    `point` is None in a process without a fault.
    """

    point = None
    signal = signal.SIGKILL
    transactions = 0

    def reach(self, here):
        if here == self.point and here in WRITTEN and self.transactions == FATAL:
            self.flush(5)  # the records are on the broker, uncommitted
        self.signal_at(here)

    @classmethod
    def signal_at(cls, here):
        if here == cls.point and cls.transactions == FATAL:
            cls.point = None
            # to this thread: another thread may take a SIGSTOP to the process, while this commits
            signal.pthread_kill(threading.get_ident(), cls.signal)

    def begin_transaction(self):
        FaultyProducer.transactions += 1
        self.reach("after-scoring")  # nothing has left the process yet
        super().begin_transaction()

    def send_offsets_to_transaction(self, *arguments):
        self.reach("after-produce")
        super().send_offsets_to_transaction(*arguments)

    def commit_transaction(self, *arguments):
        self.reach("before-the-commit-request")
        super().commit_transaction(*arguments)
        self.reach("after-the-commit-request")


class OffsetsOutside(TransactionalCommitter):
    """The mutant: commits offsets in one transaction and outputs in the next."""

    def write(self, outputs):
        self.outputs = outputs

    def commit(self, offsets, group_metadata):
        topic = self._connection.qualify(TRANSACTIONS)
        self._producer.begin_transaction()
        self._producer.send_offsets_to_transaction(
            [TopicPartition(topic, *item) for item in offsets.items()], group_metadata, 10
        )
        self._producer.commit_transaction(10)
        super().write(self.outputs)
        self._producer.commit_transaction(10)


class FaultyScorer(Scorer):
    """Raises on every batch that holds `transaction`, as a faulty model would."""

    transaction = None

    def score(self, batch):
        FaultyProducer.signal_at("after-poll")
        return super().score(batch)

    def _score(self, valid, scored):
        values = [each.record.value() for each in valid.records]
        if self.transaction and any(self.transaction in value for value in values):
            raise RuntimeError("the model has a fault")
        super()._score(valid, scored)


def run(settings, arguments, number, restarts):
    if number == restarts == 0:
        FaultyProducer.point = arguments.point
        FaultyProducer.signal = signal.SIGSTOP if arguments.stop else signal.SIGKILL
    committer = OffsetsOutside if arguments.offsets_outside else TransactionalCommitter
    worker.TransactionalCommitter = partial(committer, client=FaultyProducer)
    worker.Scorer = FaultyScorer
    if arguments.raise_on:
        FaultyScorer.transaction = f'"{arguments.raise_on}"'.encode()
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
    settings = Settings.from_environment().model_copy(
        update={"metrics_port": arguments.metrics_port}
    )
    sys.exit(Supervisor(partial(run, settings, arguments), arguments.workers).run())
