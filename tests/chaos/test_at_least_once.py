"""At-least-once delivery with a worker that dies: nothing is lost, and duplicates are counted."""

import os
import signal

from support.commands import FRAUD
from support.publishing import send
from support.scorer_process import run_scorer
from support.topic_reader import read_all
from support.waiting import wait_for

from streams.kafka import topics
from streams.ledger.audit import audit

COUNT = 20_000


def test_a_killed_worker_loses_nothing(connection, model):
    command = [*FRAUD, "score", "--guarantee", "at-least-once"]
    with run_scorer(connection, workers=2, command=command) as system:
        send(connection, range(COUNT // 2))
        read_all(connection, topics.PREDICTIONS, COUNT // 4)
        os.kill(system.pids()[0], signal.SIGKILL)
        send(connection, range(COUNT // 2, COUNT))
        result = wait_for(lambda: audit_complete(connection), 90, "everything is scored")
    assert (result.sent, result.scored, result.lost) == (COUNT, COUNT, 0)


def audit_complete(connection):
    result = audit(connection)
    return result if result.lost == 0 else None
