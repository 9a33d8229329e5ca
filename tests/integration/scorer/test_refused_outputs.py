"""A topic that takes less than a transaction's outputs need, under a running scorer."""

import random

import pytest
from support.commands import FRAUD
from support.data.transactions import make_transaction_bytes
from support.publishing import publish
from support.scorer_process import DIED, run_scorer
from support.topic_changes import limit_messages
from support.topic_reader import read_all
from support.waiting import wait_for

from streams.kafka import topics
from streams.ledger.audit import audit

LIMIT = 20_000
NOTE = random.Random(0).randbytes(LIMIT).hex()  # the limit is for compressed records
LARGE = make_transaction_bytes(0, note=NOTE)  # accepted by `transactions`
MALFORMED = NOTE.encode()


@pytest.fixture(autouse=True)
def trained(model):
    """Every scorer here needs a model on disk."""


@pytest.mark.parametrize("guarantee", ["exactly-once", "at-least-once"])
def test_a_transaction_whose_prediction_is_refused_is_a_dead_letter(connection, guarantee):
    small = [make_transaction_bytes(number) for number in range(60)]
    command = [*FRAUD, "score", "--guarantee", guarantee]
    with run_scorer(connection, command=command) as system:
        limit_messages(connection, topics.PREDICTIONS, LIMIT)
        publish(connection, topics.TRANSACTIONS, [*small[:30], LARGE, *small[30:], LARGE])
        dead = read_all(connection, topics.DEAD_LETTERS, 2)
        read_all(connection, topics.PREDICTIONS, 60)
        wait_for(lambda: audit(connection).pending == 0, 30, "the scorer has caught up")
        assert system.stop() == 0
        assert DIED not in system.log
    predictions = connection.qualify(topics.PREDICTIONS)
    for message in dead:
        headers = dict(message.headers())
        assert message.value() == LARGE
        assert headers["error.kind"] == b"too_large"
        detail = headers["error.detail"].decode()
        assert f"{predictions} refuses an output as too large" in detail
        assert f"--entity-name {predictions} --add-config max.message.bytes=1048588" in detail
    result = audit(connection)
    assert (result.sent, result.scored, result.rejected, result.lost) == (62, 60, 2, 0)
    if guarantee == "exactly-once":
        assert (len(dead), result.duplicated) == (2, 0)


def test_a_dead_letter_that_is_refused_stops_the_scorer_until_the_limit_is_raised(connection):
    name = connection.qualify(topics.DEAD_LETTERS)
    with run_scorer(connection) as system:
        limit_messages(connection, topics.PREDICTIONS, LIMIT)
        limit_messages(connection, topics.DEAD_LETTERS, LIMIT)
        values = make_transaction_bytes(0), MALFORMED, LARGE, make_transaction_bytes(1)
        publish(connection, topics.TRANSACTIONS, values)
        assert system.process.wait(60) == 3
        assert f"{name} refuses an output as too large; to raise its limit, run: " in system.log
        assert f"--entity-name {name} --add-config max.message.bytes=1114124" in system.log
    assert audit(connection).duplicated == 0
    raised = topics.MAX_RECORD_BYTES + topics.DEAD_LETTER_EXTRA_BYTES
    limit_messages(connection, topics.PREDICTIONS, raised)
    limit_messages(connection, topics.DEAD_LETTERS, raised)
    with run_scorer(connection):
        wait_for(lambda: audit(connection).pending == 0, 60, "the scorer has caught up")
    result = audit(connection)
    assert (result.scored, result.rejected) == (3, 1)
    assert result.complete
