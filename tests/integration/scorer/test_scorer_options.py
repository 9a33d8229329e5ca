"""Options of `fraud score`: at-least-once delivery, and the limits on its input."""

import pytest
from support.commands import FRAUD
from support.data.transactions import make_transaction_bytes
from support.publishing import publish, send
from support.scorer_process import run_scorer
from support.topic_reader import read_all

from streams.kafka import topics
from streams.ledger.audit import audit

SCORE = [*FRAUD, "score"]


@pytest.fixture(autouse=True)
def trained(model):
    """Every test here needs a model on disk."""


def test_at_least_once_scores_everything(connection):
    command = [*SCORE, "--guarantee", "at-least-once"]
    with run_scorer(connection, workers=2, command=command) as system:
        send(connection, range(3_000))
        read_all(connection, topics.PREDICTIONS, 1)
        assert system.stop() == 0
    with run_scorer(connection, workers=2, command=command):
        read_all(connection, topics.PREDICTIONS, 3_000)
    result = audit(connection)
    assert (result.sent, result.scored, result.lost) == (3_000, 3_000, 0)


def test_too_many_dead_letters_stop_the_scorer_before_they_are_written(connection):
    command = [*SCORE, "--max-dead-share", "0.1", "--max-bytes", "1000"]
    with run_scorer(connection, command=command, wait=False) as system:
        large = make_transaction_bytes(0, note="x" * 1_000)
        values = [make_transaction_bytes(0)] * 500 + [large] * 1_500
        publish(connection, topics.TRANSACTIONS, values)
        assert system.process.wait(60) == 3
        assert "--max-dead-share 0.1" in system.log
        assert "too_large" in system.log
    result = audit(connection)
    assert result.rejected <= 1_000
    assert result.duplicated == 0
    assert result.lost == result.pending == 2_000 - result.scored - result.rejected
