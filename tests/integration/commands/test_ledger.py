"""The ledger on a real Kafka: every number, on topics with known records."""

import contextlib
import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from support.commands import run_on
from support.data.transactions import make_transaction_bytes
from support.publishing import encode_source, open_transactional
from support.scorer_group import commit_offsets, start_group
from support.topic_changes import SENDER_TIME, delete_records, recreate_with

from streams.kafka.messages import make_dead_letter_headers
from streams.kafka.topics import DEAD_LETTERS, PREDICTIONS, TRANSACTIONS
from streams.ledger.audit import audit

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Bus:
    """Writes the three topics; each `transaction` is a Kafka transaction, and so leaves markers."""

    def __init__(self, connection):
        self.connection = connection
        self._producer = open_transactional(connection, uuid.uuid4().hex)
        self._offsets = []

    @contextlib.contextmanager
    def transaction(self, abort=False):
        self._producer.begin_transaction()
        yield
        self._producer.flush()
        if abort:
            self._producer.abort_transaction()
        else:
            self._producer.commit_transaction()

    def _produce(self, topic, value, partition, headers=None, timestamp=0):
        self._producer.produce(
            self.connection.qualify(topic),
            value,
            b"key",
            partition,
            headers=headers,
            timestamp=timestamp,
            on_delivery=self._delivered,
        )

    def _delivered(self, error, message):
        assert error is None
        self._offsets.append((message.partition(), message.offset()))

    def send(self, count, partition=0, first=0, timestamp=0, abort=False):
        """Send `count` records in one Kafka transaction; return (partition, offset) of each."""
        self._offsets.clear()
        with self.transaction(abort):
            for i in range(first, first + count):
                self._produce(
                    TRANSACTIONS, make_transaction_bytes(i), partition, timestamp=timestamp
                )
        return list(self._offsets)

    def predict(self, *sources, partition=None, timestamp=0):
        for source in sources:
            place = source[0] if partition is None else partition
            self._produce(PREDICTIONS, encode_source(*source), place, timestamp=timestamp)

    def predict_and_commit(self, *sources, **options):
        with self.transaction():
            self.predict(*sources, **options)

    def reject(self, *sources):
        for source in sources:
            headers = make_dead_letter_headers(
                self.connection.qualify(TRANSACTIONS), *source, "malformed_json", "no JSON", NOW
            )
            self._produce(DEAD_LETTERS, b"\xff", source[0], headers)

    def predict_as(self, value, headers=None):
        self._produce(PREDICTIONS, value, 0, headers)


@pytest.fixture
def bus(connection):
    start_group(connection)
    return Bus(connection)


def test_a_stream_is_complete_if_every_record_is_scored_or_rejected(bus, connection):
    sent = bus.send(5) + bus.send(3, partition=2, first=5)
    bus.predict_and_commit(*sent[:6])
    with bus.transaction():
        bus.reject(*sent[6:])
    found = audit(connection)
    assert (found.sent, found.scored, found.rejected) == (8, 6, 2)
    assert (found.lost, found.duplicated) == (0, 0)
    assert found.complete
    # each commit left a marker, which is not counted as a record
    assert found.ranges == {0: (0, 6), 1: (0, 0), 2: (0, 4), 3: (0, 0)}


def test_lost_duplicated_resent_out_of_order_and_foreign_records_are_distinguished(bus, connection):
    sent = bus.send(6)
    again = bus.send(2, first=4)
    elsewhere = bus.send(2, partition=1, first=20)
    with bus.transaction():
        bus.predict(sent[0], sent[2], sent[1], sent[3], sent[3], *again)
        bus.reject(sent[3], elsewhere[0])
        # the offset of a marker, one beyond the end, and a partition that does not exist
        bus.predict((0, 6), (0, 999), (7, 0), partition=3)
        bus.predict_as(None)
        bus.predict_as(b"{}")
        bus.predict_as(encode_source(0, -1))
        bus.predict_as(encode_source(0, 10**29))
        bus.predict_as(encode_source(0, 0)[:-1])
    with bus.transaction(abort=True):
        bus.predict(*sent, *elsewhere)
    found = audit(connection)
    assert (found.sent, found.scored, found.rejected, found.lost) == (10, 6, 1, 3)
    assert (found.first_lost, found.pending) == ([sent[4], sent[5], elsewhere[1]], 3)
    assert (found.duplicated, found.first_duplicated) == (2, [sent[3]])
    assert (found.resent, found.first_resent) == (2, again)
    assert (found.out_of_order, found.first_out_of_order) == (1, [sent[1]])
    assert found.foreign == 5
    assert (found.phantom, found.first_phantom) == (1, [(0, 6)])


def test_predictions_of_version_1_count_by_their_headers(bus, connection):
    sent = bus.send(3)
    old = {"source.topic": b"transactions", "source.partition": b"0"}
    with bus.transaction():
        bus.predict_as(b'{"transaction_id": "t"}', old | {"source.offset": b"%d" % sent[0][1]})
        bus.predict(*sent[:2])
        bus.predict_as(b"{}", old | {"source.offset": b"x"})
        bus.predict_as(b"{}", old | {"source.offset": b"9" * 30})
    found = audit(connection)
    assert (found.sent, found.scored, found.lost) == (3, 2, 1)
    assert (found.duplicated, found.first_duplicated) == (1, [sent[0]])
    assert found.foreign == 2


def test_outputs_about_aborted_records_are_phantoms(bus, connection):
    sent = bus.send(5)
    aborted = bus.send(4, first=5, abort=True)
    with bus.transaction():
        bus.predict(*sent, *aborted[:3])
        bus.reject(aborted[3])
    found = audit(connection)
    assert (found.sent, found.scored, found.rejected) == (5, 5, 0)
    assert (found.lost, found.duplicated, found.foreign) == (0, 0, 0)
    assert (found.phantom, found.first_phantom, found.complete) == (4, aborted, False)
    result = run_on(connection, "ledger", "--json")
    assert (result.returncode, json.loads(result.stdout)["phantom"]) == (1, 4)


def test_an_aborted_record_does_not_count_as_sent(bus, connection):
    with bus.transaction(abort=True):
        bus._produce(TRANSACTIONS, b"{}", 0)
    (record,) = bus.send(1)
    bus.predict_and_commit(record)
    with bus.transaction(abort=True):
        bus._produce(TRANSACTIONS, b"{}", 0)
    found = audit(connection)
    assert (found.sent, found.scored, found.phantom) == (1, 1, 0)
    assert (found.complete, found.ranges[0]) == (True, (0, 6))


def test_records_in_an_open_transaction_do_not_count_yet(bus, connection):
    sent = bus.send(2)
    other = Bus(connection)
    with other.transaction():
        other._produce(TRANSACTIONS, b"{}", 0)
        other._producer.flush()
        with bus.transaction():
            bus.predict(*sent)
        assert audit(connection).sent == 2
    assert audit(connection).sent == 3


def test_lost_records_that_the_scorer_has_not_committed_are_pending(bus, connection):
    sent = bus.send(4)
    bus.predict_and_commit(sent[0])
    commit_offsets(connection, {0: 2})
    found = audit(connection)
    assert (found.lost, found.pending, found.complete) == (3, 2, False)


def test_the_range_can_start_at_given_offsets(bus, connection):
    sent = bus.send(4)
    elsewhere = bus.send(2, partition=1)
    bus.predict_and_commit(*sent[2:])
    found = audit(connection, start={0: sent[2][1], 1: 10**9, 77: 3})
    assert (found.sent, found.scored, found.lost) == (2, 2, 0)
    assert found.ranges == {0: (2, 5), 1: (3, 3), 2: (0, 0), 3: (0, 0)}
    assert audit(connection, start={0: sent[2][1]}).first_lost == elsewhere


def test_since_excludes_older_records_and_allows_for_clock_differences(bus, connection):
    recreate_with(connection, TRANSACTIONS, SENDER_TIME)
    start_group(connection)
    now = time.time()
    bus.send(3, timestamp=int((now - 3600) * 1000))
    recent = bus.send(2, first=3, timestamp=int((now - 60) * 1000))
    with bus.transaction():
        # by a clock that is two minutes slow
        bus.predict(*recent, timestamp=int((now - 200) * 1000))
    found = audit(connection, since=datetime.fromtimestamp(now, UTC) - timedelta(minutes=2))
    assert (found.sent, found.scored, found.lost) == (2, 2, 0)
    assert audit(connection).lost == 3


def test_records_whose_outputs_have_expired_are_left_out(bus, connection):
    recreate_with(connection, TRANSACTIONS, SENDER_TIME)
    start_group(connection)
    now = time.time()
    old = bus.send(2, timestamp=int((now - 6.99 * 86400) * 1000))
    bus.predict_and_commit(*old)
    new = bus.send(1, first=2)
    bus.predict_and_commit(*new)
    assert audit(connection).sent == 3
    delete_records(connection, PREDICTIONS, {0: 3})
    found = audit(connection)
    assert (found.sent, found.scored, found.lost) == (1, 1, 0)


def test_progress_covers_every_record(bus, connection):
    sent = bus.send(4)
    bus.predict_and_commit(*sent)
    reports = []
    audit(connection, on_progress=lambda topic, done, total: reports.append((topic, done, total)))
    assert (TRANSACTIONS, 4, 5) in reports
    assert (PREDICTIONS, 4, 5) in reports


def test_the_command_succeeds_on_a_complete_stream_and_fails_on_an_empty_range(bus, connection):
    sent = bus.send(3)
    bus.predict_and_commit(*sent)
    result = run_on(connection, "ledger", "--since", "10m")
    assert (result.returncode, result.stderr) == (0, "")
    assert "complete: each record came out exactly once" in result.stdout
    result = run_on(connection, "ledger", "--since", "2999-01-01T00:00:00Z")
    assert result.returncode == 1
    assert "nothing to prove: no records in the range" in result.stdout


def test_the_command_fails_and_names_lost_records(bus, connection):
    sent = bus.send(3)
    bus.predict_and_commit(*sent[1:])
    result = run_on(connection, "ledger", "--json")
    found = json.loads(result.stdout)
    assert result.returncode == 1
    expected = {"sent": 3, "scored": 2, "lost": 1, "pending": 1, "first_lost": [[0, 0]]}
    assert {name: found[name] for name in expected} == expected
    output = run_on(connection, "ledger").stdout
    assert "lost, first 10 at most: 0:0" in output
    assert "run this again when it has caught up" in output


def test_a_missing_topic_is_a_one_line_error(connection):
    missing = type(connection)(connection.bootstrap_servers, connection.topic_prefix + "not.")
    result = run_on(missing, "ledger")
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "fraud: no such topic, or no permission to see it: "
        f"{missing.qualify('transactions')}, {missing.qualify('predictions')}, "
        f"{missing.qualify('transactions.dlq')}; `fraud topics` creates what is missing"
    ]
