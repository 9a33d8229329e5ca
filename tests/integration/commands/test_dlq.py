"""`fraud dlq` on a real Kafka: dead letters are listed, shown safely and sent back once."""

import base64
import json
import threading
from datetime import UTC, datetime

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from support.commands import set_environment
from support.publishing import encode_source, open_transactional
from support.scorer_group import start_group
from support.topic_changes import delete_records
from support.topic_reader import read_all
from support.waiting import wait_for
from typer.testing import CliRunner

import cli.commands.dlq  # noqa: F401 - adds itself to the application
from cli.app import app
from cli.errors import CommandError
from streams.dlq import redrive as redriving
from streams.dlq.dead_letters import Choice
from streams.dlq.redrive import RedriveError, redrive
from streams.kafka.messages import make_dead_letter_headers
from streams.kafka.topics import DEAD_LETTERS, MAX_RECORD_BYTES, PREDICTIONS, TRANSACTIONS
from streams.ledger.audit import audit

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def silent(*_):
    pass


def send_back(connection, choice=Choice(), progress=silent):  # noqa: B008 - it has no state
    return redrive(connection, choice, dry_run=False, progress=progress)


def read_one(connection):
    [letter] = redriving.dead_letters.read(connection, Choice(), silent)
    return letter


class Bus:
    """Writes what clients and the scorer would write."""

    def __init__(self, connection):
        self.connection = connection
        self._producer = Producer(
            connection.make_writer_config({"message.max.bytes": 2**24, "max.in.flight": 1})
        )

    def _write(self, topic, value, key=None, partition=0, headers=None):
        written = []
        self._producer.produce(
            self.connection.qualify(topic),
            value,
            key,
            partition,
            headers=headers,
            on_delivery=lambda error, it: written.append((error, it)),
        )
        assert self._producer.flush(30) == 0
        ((error, message),) = written
        assert error is None
        return message.partition(), message.offset()

    def send(self, value, key=b"key", partition=0):
        """Write a record to `transactions`; return its partition and offset."""
        return self._write(TRANSACTIONS, value, key, partition)

    def write_dead_letter(
        self, source, value, key=b"key", kind="malformed_json", detail="no JSON", topic=None
    ):
        headers = make_dead_letter_headers(
            topic or self.connection.qualify(TRANSACTIONS), *source, kind, detail, NOW
        )
        self._write(DEAD_LETTERS, value, key, source[0] % 4, headers)

    def send_refused(self, value, key=b"key", partition=0, **why):
        source = self.send(value, key, partition)
        self.write_dead_letter(source, value, key, **why)
        return source

    def predict(self, source):
        self._write(PREDICTIONS, encode_source(*source), None, source[0])

    def read_redriven(self, count):
        """Return the records that were sent back to `transactions`, by their original position."""
        found = {}
        for message in read_all(self.connection, TRANSACTIONS, count):
            headers = dict(message.headers() or [])
            if "redriven.offset" in headers:
                assert headers["redriven.topic"] == self.connection.qualify(TRANSACTIONS).encode()
                place = int(headers["redriven.partition"]), int(headers["redriven.offset"])
                assert place not in found, "sent twice"
                found[place] = message
        return found


@pytest.fixture
def bus(connection):
    return Bus(connection)


@pytest.fixture
def fraud(connection, monkeypatch):
    set_environment(monkeypatch, connection)
    return lambda *arguments: CliRunner().invoke(app, ["dlq", *arguments])


def test_each_dead_letter_is_sent_back_once_with_its_origin_and_the_ledger_agrees(bus, connection):
    start_group(connection)
    values = {
        bus.send_refused(value, key, partition): (value, key)
        for value, key, partition in [(b"\xff", b"a", 1), (None, None, 2), (b"", b"", 1)]
    }
    bus.predict(bus.send(b"{}", partition=1))
    first = send_back(connection)
    assert (first.chosen, first.to_send, first.sent, first.already) == (3, 3, 3, 0)
    again = send_back(connection)
    assert (again.chosen, again.to_send, again.sent, again.already) == (3, 0, 0, 3)
    back = bus.read_redriven(7)
    assert {place: (message.value(), message.key()) for place, message in back.items()} == values
    assert all(message.partition() == place[0] for place, message in back.items())
    result = audit(connection)
    assert (result.sent, result.lost, result.duplicated) == (7, 3, 0)  # new records, not yet scored
    for message in back.values():
        bus.predict((message.partition(), message.offset()))
    assert (audit(connection).lost, audit(connection).duplicated) == (0, 0)


def test_a_record_that_is_refused_again_can_go_back_again(bus, connection):
    source = bus.send_refused(b"x")
    send_back(connection)
    (message,) = bus.read_redriven(2).values()
    bus.write_dead_letter((message.partition(), message.offset()), b"x")
    result = send_back(connection)
    assert (result.already, result.sent) == (1, 1)
    assert bus.read_redriven(3).keys() == {source, (message.partition(), message.offset())}


def test_forged_headers_do_not_keep_a_record_from_being_sent(bus, connection):
    for value, key in [(b"x", b"key"), (None, None)]:
        source = bus.send_refused(value, key)
        headers = redriving._make_headers(connection, source)
        for forged in [(b"{}", b"key"), (b"x", b"other"), (b"", None), (None, b"")]:
            bus._write(TRANSACTIONS, *forged, headers=headers)
    result = send_back(connection)
    assert (result.chosen, result.sent, result.already) == (2, 2, 0)
    again = send_back(connection)
    assert (again.sent, again.already) == (0, 2)


def test_two_dead_letters_of_one_record_are_one_to_send(bus, connection):
    source = bus.send_refused(b"x")
    bus.write_dead_letter(source, b"x")
    result = send_back(connection)
    assert (result.chosen, result.sent, result.already) == (2, 1, 1)
    assert len(bus.read_redriven(2)) == 1


def test_records_in_the_open_transaction_of_another_redrive_are_sent_only_once(bus, connection):
    """The first stops before its commit; the second sends; then the first can't commit."""
    bus.send_refused(b"x")
    first = redriving._open_producer(connection)
    letter = read_one(connection)
    first.begin_transaction()
    first.produce(
        connection.qualify(TRANSACTIONS),
        letter.value,
        headers=redriving._make_headers(connection, letter.origin),
    )
    first.flush()
    assert send_back(connection).sent == 1
    with pytest.raises(KafkaException) as raised:
        first.commit_transaction(30)
    assert redriving._explain(raised.value.args[0]) == "another redrive was started"
    assert len(bus.read_redriven(2)) == 1


def test_of_two_redrives_that_have_both_read_only_the_second_sends(bus, connection):
    bus.send_refused(b"x")
    first = redriving._open_producer(connection)
    letter = read_one(connection)
    assert send_back(connection).sent == 1
    with pytest.raises(KafkaException) as raised:
        redriving._send(connection, first, [(letter.origin, letter)])
    assert redriving._explain(raised.value.args[0]) == "another redrive was started"
    assert len(bus.read_redriven(2)) == 1


def test_a_redrive_waits_for_a_redriven_record_after_another_clients_open_transaction(
    bus, connection
):
    bus.send_refused(b"x")
    letter = read_one(connection)
    first = redriving._open_producer(connection)
    other = open_transactional(connection, "other")
    other.begin_transaction()
    other.produce(connection.qualify(TRANSACTIONS), b"{}", partition=0)
    other.flush()
    redriving._send(connection, first, [(letter.origin, letter)])
    looking = threading.Event()
    results = []

    def look(topic, *_):
        if topic == TRANSACTIONS:
            looking.set()

    def redrive_again():
        results.append(send_back(connection, progress=look))

    second = threading.Thread(target=redrive_again)
    second.start()
    try:
        wait_for(lambda: looking.is_set() or not second.is_alive(), 30, "it reads `transactions`")
    finally:
        other.commit_transaction()
        second.join(60)
    assert [(result.sent, result.already) for result in results] == [(0, 1)]


def test_only_acknowledged_records_are_reported_as_sent(bus, connection, monkeypatch):
    for i in range(5):
        bus.send_refused(b"%d" % i)
    monkeypatch.setattr(redriving, "_CHUNK_RECORDS", 2)
    send = redriving._send
    calls = []

    def fail_at_second(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))
        send(*arguments)

    monkeypatch.setattr(redriving, "_send", fail_at_second)
    with pytest.raises(RedriveError, match=r"^2 of 5 were sent, then: .*run it again"):
        send_back(connection)
    assert len(bus.read_redriven(7)) == 2
    result = send_back(connection)
    assert (result.sent, result.already) == (3, 2)
    assert len(bus.read_redriven(10)) == 5


def test_a_record_too_large_with_headers_stays_and_the_largest_that_fits_is_sent(bus, connection):
    source = bus.send(b"small")
    frame = redriving._count_bytes(
        redriving.DeadLetter(source, "", "", "", 0, b"key", b""),
        redriving._make_headers(connection, source),
    )
    bus.write_dead_letter(source, bytes(MAX_RECORD_BYTES - frame))
    assert send_back(connection).sent == 1
    other = bus.send(b"small")
    bus.write_dead_letter(other, bytes(MAX_RECORD_BYTES - frame + 1))
    result = send_back(connection, Choice(origins=frozenset({other})))
    assert (result.chosen, result.too_large, result.sent) == (1, 1, 0)


def test_a_deleted_record_is_not_sent(bus, connection):
    bus.send_refused(b"old")
    send_back(connection)
    kept = bus.send_refused(b"new")
    delete_records(connection, TRANSACTIONS, dict([kept]))
    result = send_back(connection)
    assert (result.chosen, result.expired, result.sent) == (2, 1, 1)


def test_foreign_headers_do_no_harm(bus, connection):
    source = bus.send_refused(b"x")
    bus.write_dead_letter((0, 0), b"of another topic", topic="elsewhere")
    bus._write(DEAD_LETTERS, b"without headers")
    forged = {
        "redriven.topic": connection.qualify(TRANSACTIONS).encode(),
        "redriven.partition": b"x",
    }
    bus._write(TRANSACTIONS, b"{}", headers=forged)
    result = send_back(connection)
    assert (result.chosen, result.unknown, result.sent) == (3, 2, 1)
    assert bus.read_redriven(3).keys() == {source}


def test_the_command_lists_filters_and_sends(bus, fraud):
    first = bus.send_refused(b"\xff", detail="\x1b[2Jno", kind="malformed_json")
    second = bus.send_refused(b"{}", partition=2, kind="invalid_transaction")
    listed = [json.loads(line) for line in fraud("list", "--json").stdout.splitlines()]
    assert [(item["kind"], item["bytes"], item["source"]["partition"]) for item in listed] == [
        ("malformed_json", 1, 0),
        ("invalid_transaction", 2, 2),
    ]
    table = fraud("list").stdout
    assert "\x1b" not in table
    assert r"\x1b[2Jno" in table
    assert "2026-01-31 12:00:00" in table
    assert f"{second[0]}:{second[1]}" in table
    assert "1 dead letter\n" in fraud("list", "--kind", "malformed_json").stdout
    assert "1 of 2" in fraud("list", "--limit", "1").stdout
    assert "0 dead letters" in fraud("list", "--since", "2100-01-01T00:00:00Z").stdout
    assert fraud("list", "--kind", "unkind").exit_code == 2
    place = f"{first[0]}:{first[1]}"
    assert "1 chosen, 1 would be sent" in fraud("redrive", place, "--dry-run").stdout
    assert fraud("redrive").exit_code == fraud("redrive", "x:1").exit_code == 2
    sent = fraud("redrive", place, "3:77", "--json")
    assert (
        sent.exit_code,
        json.loads(sent.stdout)["sent"],
        json.loads(sent.stdout)["missing"],
    ) == (1, 1, 1)
    everything = fraud("redrive", "--all")
    assert everything.exit_code == 0
    assert everything.stdout.splitlines() == [
        "2 chosen, 1 sent",
        "1 already sent by an earlier redrive, or duplicates of another dead letter",
    ]
    assert bus.read_redriven(4).keys() == {first, second}
    for _ in range(3):
        bus._write(DEAD_LETTERS, b"junk")
    limited = fraud("list", "--limit", "1")
    assert "invalid_transaction" in limited.stdout
    assert "1 of 2 dead letters\n" in limited.stdout
    assert "fraud: skipped 3 records without a dead letter's headers\n" in limited.stderr


def test_the_command_escapes_control_characters(bus, fraud):
    value = b"[red]\x1b[2J\xff\r\n\xe2\x80\xae" + b"a" * 2_000
    source = bus.send_refused(value, key=b"\x1bkey")
    place = f"{source[0]}:{source[1]}"
    shown = fraud("show", place).stdout
    assert r"value     [red]\x1b[2J\xff\r\n\u202eaaa" in shown
    assert r"key       \x1bkey" in shown
    assert "15 more bytes: --full" in shown
    assert "\x1b" not in shown
    assert shown.count("a" * 1_000) < fraud("show", place, "--full").stdout.count("a" * 1_000)
    shown_json = json.loads(fraud("show", place, "--json").stdout)
    assert base64.b64decode(shown_json["value_base64"]) == value
    assert isinstance(fraud("show", "3:99").exception, CommandError)
