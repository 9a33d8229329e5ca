"""A replay to a real Kafka, read back with a plain consumer."""

import json
import signal
import threading
import time
from itertools import chain

import pandas as pd
import pytest
from support.commands import make_environment, run_on, start
from support.data import creditcard_files as creditcard
from support.data import own_payments
from support.topic_changes import SENDER_TIME, alter_topic, recreate_with
from support.topic_reader import read_all
from support.waiting import wait_for

from payments.contract import Label
from payments.errors import PaymentFileError
from payments.schema.reading import read_schema
from producer.errors import ReplayError
from producer.labels import LabelFeed, replay_with_labels
from producer.replay import Replay
from producer.rows import Selection, encode_transaction, read
from producer.schedule import at_rate
from streams.kafka.connection import Connection

CREDITCARD = read_schema("creditcard")
COUNT = 1_000
DELAY_S = 2  # longer than a new producer needs for its first record
RECENT_MS = 5 * 60 * 1000


@pytest.fixture
def data(tmp_path):
    return creditcard.write(tmp_path / "rows.csv", [creditcard.row(i) for i in range(COUNT)])


def make_replay(connection, selection, rate=0, on_progress=lambda _: None):
    return Replay(connection, read(selection, "r"), at_rate(rate), time, on_progress)


def run_replay(*arguments, **options):
    return make_replay(*arguments, **options).run(threading.Event())


def run_with_labels(connection, selection, delay_s):
    stop = threading.Event()
    feed = LabelFeed(connection, read(selection, "r"), selection.schema, delay_s, time, stop)
    return replay_with_labels(
        make_replay(connection, selection, on_progress=feed.note_sent), feed, stop
    )


def row_number(message):
    return int(json.loads(message.value())["transaction_id"].split("-")[1])


def test_every_row_is_sent_once_and_in_order_within_its_partition(connection, data):
    totals = run_replay(connection, Selection(data, CREDITCARD))
    assert (totals.sent, totals.delivered) == (COUNT, COUNT)
    messages = read_all(connection, "transactions", COUNT)
    expected = {
        row.transaction_id: encode_transaction(row)
        for row in read(Selection(data, CREDITCARD), "r")
    }
    assert len(messages) == COUNT
    assert {message.key().decode(): message.value() for message in messages} == expected
    for partition in {message.partition() for message in messages}:
        numbers = [row_number(message) for message in messages if message.partition() == partition]
        assert numbers == sorted(numbers)


def test_accounts_and_missing_fields_of_a_simulated_file_arrive(connection, tmp_path):
    path = tmp_path / "made.csv"
    made = "simulate --rows 100 --accounts 5 --disturb missing:V14@50 --fraud-rate 0.1 --out"
    assert run_on(connection, *made.split(), str(path)).returncode == 0
    options = ["--run", "r", "--rate", "0", "--labels", "--label-delay", "0s", "--json"]
    done = run_on(connection, "replay", "--data", str(path), *options)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["labels"] == 100
    expected = dict(enumerate(pd.read_csv(path)["account_id"]))
    messages = read_all(connection, "transactions", 100)
    assert {row_number(message): message.key().decode() for message in messages} == expected
    for message in messages:
        value = json.loads(message.value())
        assert value["account_id"] == message.key().decode()
        assert ("V14" in value) == (row_number(message) < 50)
    assert {message.key().decode() for message in read_all(connection, "labels", 100)} == set(
        expected.values()
    )


def test_a_teams_own_file_arrives_under_its_key_with_its_labels(connection, tmp_path):
    payments = own_payments.make(200)
    path = own_payments.write_csv(tmp_path / "own.csv", own_payments.flatten(payments))
    (tmp_path / "own.toml").write_text(own_payments.SCHEMA)
    options = ["--rate", "0", "--labels", "--label-delay", "0s", "--json"]
    declared = ["--schema", str(tmp_path / "own.toml"), "--data", str(path)]
    done = run_on(connection, "replay", *declared, *options)
    assert done.returncode == 0, done.stderr
    ids = payments["id"]
    sent = {
        json.loads(one.value())["payment_id"]: one
        for one in read_all(connection, "transactions", 200)
    }
    assert [sent[one].key().decode() for one in ids] == payments["card"]
    labels = [(one.key(), json.loads(one.value())) for one in read_all(connection, "labels", 200)]
    truth = {label["transaction_id"]: (key.decode(), label["is_fraud"]) for key, label in labels}
    frauds = [cell == "1" for cell in payments["is_fraud"]]
    assert [truth[one] for one in ids] == list(zip(payments["card"], frauds, strict=True))


def test_headers_and_the_time_of_sending(connection, data):
    run_replay(connection, Selection(data, CREDITCARD, limit=50))
    now = time.time() * 1000
    for message in read_all(connection, "transactions", 50):
        assert message.headers() is None
        assert abs(message.timestamp()[1] - now) < RECENT_MS


def test_progress_ends_with_the_last_record_and_the_start_is_reported(connection, data):
    reports = []
    replay = make_replay(connection, Selection(data, CREDITCARD, limit=300), 3_000, reports.append)
    totals = replay.run(threading.Event())
    assert reports[-1] == 300
    assert replay.started.is_set()
    assert replay.started_at == totals.started_at
    assert totals.offered_per_second == 3_000


def test_labels_have_a_topic_and_a_delay(connection, data):
    recreate_with(connection, "transactions", SENDER_TIME)  # the delay begins when a row is sent
    totals, labels = run_with_labels(connection, Selection(data, CREDITCARD), DELAY_S)
    assert (totals.delivered, labels) == (COUNT, COUNT)
    sent_at = {
        message.key(): message.timestamp()[1]
        for message in read_all(connection, "transactions", COUNT)
    }
    found = read_all(connection, "labels", COUNT)
    assert len(found) == COUNT
    truth = {row.transaction_id: row.is_fraud for row in read(Selection(data, CREDITCARD), "r")}
    for message in found:
        label = Label.model_validate_json(message.value())
        assert (label.source, label.is_fraud) == ("replay", truth.pop(label.transaction_id))
        assert message.key().decode() == label.transaction_id
        assert message.headers() is None
        assert message.timestamp()[1] >= sent_at[message.key()] + DELAY_S * 1000
        assert label.labelled_at.timestamp() * 1000 >= sent_at[message.key()] + DELAY_S * 1000
    assert not truth


def test_only_labels_contain_the_class(connection, data):
    run_with_labels(connection, Selection(data, CREDITCARD, limit=100), 0)
    for message in read_all(connection, "transactions", 100):
        assert set(json.loads(message.value())) == {
            "transaction_id",
            "event_time",
            *creditcard.COLUMNS[1:-1],
        }
    for topic in ("predictions", "alerts", "transactions.dlq", "drift.events"):
        assert read_all(connection, topic, 0) == []


def test_a_stopped_replay_has_confirmed_everything_it_sent(connection, data):
    stop = threading.Event()
    looping = Selection(data, CREDITCARD, loop=True)
    replay = make_replay(connection, looping, 2_000, lambda sent: sent > 500 and stop.set())
    totals = replay.run(stop)
    assert 500 < totals.sent == totals.delivered
    assert len(read_all(connection, "transactions", totals.sent)) == totals.sent


@pytest.fixture
def bad(tmp_path):
    """A file whose third row is invalid."""
    rows = [creditcard.row(0), creditcard.row(1), creditcard.row(2, Amount="much")]
    return creditcard.write(tmp_path / "bad.csv", rows)


def test_an_invalid_row_ends_the_replay_after_the_valid_ones(connection, data, bad):
    rows = chain(
        read(Selection(data, CREDITCARD, limit=2), "r"), read(Selection(bad, CREDITCARD), "r")
    )
    replay = Replay(connection, rows, at_rate(0), time)
    with pytest.raises(PaymentFileError, match="row 2: Amount is 'much'"):
        replay.run(threading.Event())
    assert (replay.totals.sent, replay.totals.delivered, replay.totals.last_row) == (2, 2, 1)
    assert len(read_all(connection, "transactions", 2)) == 2


def test_an_invalid_row_ends_the_labels_too(connection, bad):
    with pytest.raises(PaymentFileError, match="row 2"):
        run_with_labels(connection, Selection(bad, CREDITCARD), 3600)


def refuse_all_transactions(connection):
    alter_topic(connection, "transactions", {"max.message.bytes": "100"})


def test_undelivered_records_are_counted(connection, data):
    refuse_all_transactions(connection)
    with pytest.raises(
        ReplayError,
        match=r"^\d+ of \d+ records were not delivered; the first error: .*size too large",
    ):
        run_replay(connection, Selection(data, CREDITCARD, loop=True), rate=1_000)


def test_a_missing_topic_and_an_empty_selection_are_errors(connection, data):
    elsewhere = Connection(connection.bootstrap_servers, connection.topic_prefix + "other.")
    with pytest.raises(
        ReplayError, match=r"the topic .*other\.transactions does not exist; run: fraud topics"
    ):
        run_replay(elsewhere, Selection(data, CREDITCARD))
    with pytest.raises(ReplayError, match="the file has no rows in this range"):
        run_replay(connection, Selection(data, CREDITCARD, first=COUNT))


def test_the_command_replays_a_part_and_prints_its_totals(connection, data):
    rows = f"--data {data} --from 10 --to 40 --rate 0 --run mine".split()
    labels = ["--labels", "--label-delay", "100ms"]
    done = run_on(connection, "replay", *rows, *labels, "--json")
    assert done.returncode == 0, done.stderr
    totals = json.loads(done.stdout)
    assert {name: totals[name] for name in ("run", "sent", "delivered", "labels")} == {
        "run": "mine",
        "sent": 30,
        "delivered": 30,
        "labels": 30,
    }
    keys = {message.key().decode() for message in read_all(connection, "transactions", 30)}
    assert keys == {f"mine-{number}" for number in range(10, 40)}


def test_the_command_reads_fraud_data_and_loops(connection, data):
    options = ["--rate", "0", "--loop", "--limit", "1500", "--run", "r", "--quiet"]
    done = run_on(connection, "replay", *options, FRAUD_DATA=str(data))
    assert done.returncode == 0, done.stderr
    assert "1,500 sent, 1,500 confirmed" in done.stdout
    keys = {message.key().decode() for message in read_all(connection, "transactions", 1500)}
    assert keys == {f"r-{number}" for number in range(COUNT)} | {
        f"r-{number}-1" for number in range(500)
    }


def test_ctrl_c_stops_the_replay_cleanly_and_prints_totals(connection, data):
    command = f"replay --data {data} --loop --rate 500 --labels --json".split()
    with start(command, make_environment(connection)) as process:
        wait_for(lambda: read_all(connection, "transactions", 0), 60, "a first transaction")
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    totals = json.loads(out)
    messages = read_all(connection, "transactions", totals["sent"])
    assert totals["sent"] == totals["delivered"] == len(messages)
    assert totals["last_row"] == (totals["sent"] - 1) % COUNT


@pytest.mark.parametrize("labels", [[], ["--labels"]])
def test_nothing_of_a_file_with_an_invalid_row_is_sent(connection, bad, labels):
    done = run_on(connection, "replay", "--data", str(bad), "--from", "1", "--run", "r", *labels)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"fraud: {bad}, row 2: Amount is 'much', not a number\n"
    assert read_all(connection, "transactions", 0) == []


def test_refused_records_are_not_counted_as_confirmed(connection, data):
    refuse_all_transactions(connection)
    done = run_on(
        connection, "replay", "--data", str(data), "--rate", "0", "--limit", "10", "--json"
    )
    totals = json.loads(done.stdout)
    assert done.returncode == 1
    assert (totals["sent"], totals["delivered"], totals["last_row"]) == (10, 0, 9)
    assert "10 of 10 records were not delivered" in done.stderr


def test_errors_are_one_line(connection, data, tmp_path):
    elsewhere = Connection(connection.bootstrap_servers, connection.topic_prefix + "other.")
    for done, line in [
        (run_on(elsewhere, "replay", "--data", str(data)), "run: fraud topics"),
        (
            run_on(connection, "replay", "--data", str(tmp_path / "none.csv")),
            "none.csv is not a file",
        ),
        (run_on(connection, "data", FRAUD_DATA=str(data)), "rows.csv is not creditcard.csv"),
    ]:
        assert done.returncode == 1
        assert done.stderr.startswith("fraud: ")
        assert line in done.stderr
        assert done.stderr.count("\n") == 1
