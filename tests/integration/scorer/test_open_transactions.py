"""A producer that leaves a transaction open hides records; everything that should say so does."""

import re
from functools import partial

import pytest
from support.data.transactions import make_transaction_bytes
from support.publishing import open_transactional, send
from support.scorer_process import run_scorer
from support.topic_reader import read_all
from support.waiting import wait_for

from streams.doctor.checks import CheckStatus, check_open_transactions
from streams.kafka import topics
from streams.kafka.cluster import Cluster
from streams.kafka.open_transactions import find_hidden
from streams.ledger import audit as auditing

COUNT = 5


@pytest.fixture
def outside(connection):
    """A producer that has sent COUNT records in a transaction, which is open."""
    producer = open_transactional(connection)
    producer.begin_transaction()
    for number in range(COUNT):
        name = connection.qualify(topics.TRANSACTIONS)
        producer.produce(name, make_transaction_bytes(number), partition=1)
    assert producer.flush(30) == 0
    return producer


def test_records_behind_an_open_transaction_are_named_until_it_ends(
    connection, outside, monkeypatch
):
    send(connection, range(COUNT, 2 * COUNT), partition=1)
    monkeypatch.setattr(auditing, "find_hidden", partial(find_hidden, wait_s=0))
    with run_scorer(connection) as system:

        def hidden():
            pattern = r'^fraud_open_transaction_lag\{partition="1".*\} (.*)$'
            return re.findall(pattern, system.page(0, "/metrics"), re.MULTILINE)

        wait_for(lambda: hidden() == [f"{2 * COUNT}.0"], 30, "the metric to show what is hidden")
        found = find_hidden(Cluster(connection), topics.TRANSACTIONS, wait_s=0)
        assert found == {1: 2 * COUNT}
        finding = check_open_transactions({topics.TRANSACTIONS: found})
        assert finding.verdict is CheckStatus.FAIL
        assert f"{2 * COUNT} of partition 1" in finding.found
        books = auditing.audit(connection)
        assert (books.hidden, books.complete) == (2 * COUNT, False)
        outside.commit_transaction()
        read_all(connection, topics.PREDICTIONS, 2 * COUNT)
        wait_for(lambda: hidden() == ["0.0"], 30, "the metric to show that nothing is hidden")
    books = auditing.audit(connection)
    assert (books.sent, books.hidden, books.complete) == (2 * COUNT, 0, True)
    assert check_open_transactions({topics.TRANSACTIONS: {}}).verdict is CheckStatus.OK
