"""`fraud alerts` on a real Kafka."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

from support.commands import FRAUD, make_environment, run_on, start
from support.data.alerts import encode_alert, make_reasons
from support.data.transactions import make_transaction_bytes
from support.publishing import open_transactional
from support.waiting import wait_for

from streams.kafka.topics import ALERTS


def make_alert(i, transaction=None):
    return encode_alert(
        transaction or make_transaction_bytes(i),
        transaction_id=f"[red]t-{i}",
        scored_at=f"2026-01-31T12:00:{i:02}Z",
        probability=0.75,
        margin=1.0986122886681098,
        amount=100.0 + i,
        expected_loss=75.0,
        reasons=make_reasons(*5 * [1.5]),
        rest=-0.4,
    )


def publish(connection, values):
    """Write each value in a Kafka transaction, round-robin, and abort a last transaction.

    So every record is followed by a marker.
    """
    producer = open_transactional(connection)
    first_ms = int(time.time() * 1000)
    for i, value in enumerate(values):
        producer.begin_transaction()
        producer.produce(connection.qualify(ALERTS), value, partition=i % 4, timestamp=first_ms + i)
        producer.commit_transaction()
    abort(connection, 1, producer)


def abort(connection, count, producer):
    """Write alerts in a transaction that is aborted."""
    producer.begin_transaction()
    for i in range(count):
        producer.produce(connection.qualify(ALERTS), make_alert(59), partition=i % 4)
    producer.flush()
    producer.abort_transaction()


def run(connection, *arguments):
    return run_on(connection, "alerts", *arguments)


def follow(connection, *arguments):
    return start(["alerts", "--follow", *arguments], make_environment(connection))


def make_line(i):
    return make_alert(i).decode() + "\n"


def test_json_prints_the_alerts_unchanged_and_newest_last(connection):
    publish(connection, map(make_alert, range(30)))
    result = run(connection, "--json", "--limit", "100")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "".join(map(make_line, range(30)))
    assert run(connection, "--json", "--limit", "7").stdout == "".join(
        map(make_line, range(23, 30))
    )


def test_the_newest_alerts_are_found_before_many_aborted_ones(connection):
    publish(connection, map(make_alert, range(3)))
    abort(connection, 200, open_transactional(connection))
    assert run(connection, "--json", "--limit", "2").stdout == make_line(1) + make_line(2)


def test_an_alert_is_printed_on_one_line_and_other_records_are_reported(connection):
    pretty = json.dumps(json.loads(make_transaction_bytes(0)), indent=2).encode()
    publish(connection, [make_alert(0, pretty), b"no alert", None, make_alert(3)])
    result = run(connection, "--json")
    assert result.returncode == 0, result.stderr
    first, second = result.stdout.splitlines()
    assert json.loads(first)["transaction"] == json.loads(pretty)
    assert second.encode() == make_alert(3)
    [line] = result.stderr.splitlines()
    assert line.startswith("fraud: skipped 2 records: not an alert, such as partition ")


def test_other_records_do_not_count_against_the_limit(connection):
    publish(connection, [*map(make_alert, range(3)), *[b"junk"] * 20])
    result = run(connection, "--json", "--limit", "2")
    assert result.stdout == make_line(1) + make_line(2)
    assert result.stderr.count("\n") == 1


def test_the_table_shows_ids_unchanged(connection):
    publish(connection, [make_alert(1)])
    said = run(connection).stdout
    assert "[red]t-1" in said
    assert "component 1 -5 (-1..1) +1.50" in said


def test_follow_continues_until_it_is_interrupted(connection):
    publish(connection, [make_alert(0)])
    with follow(connection, "--json") as process:
        assert process.stdout.readline() == make_line(0)
        publish(connection, [make_alert(1), make_alert(2)])
        said = {process.stdout.readline(), process.stdout.readline()}
        assert said == {make_line(1), make_line(2)}
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_follow_in_a_table_prints_one_heading(connection):
    publish(connection, [make_alert(0)])
    with follow(connection, "--limit", "0") as process:
        assert "transaction" in process.stdout.readline()
        publish(connection, [make_alert(1)])
        assert "[red]t-1" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "typical range" not in rest


def test_follow_on_a_terminal_is_a_live_table(connection):
    publish(connection, [make_alert(0)])
    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 132, 0, 0))
    process = subprocess.Popen(
        [*FRAUD, "alerts", "--follow"],
        env=make_environment(connection) | {"TERM": "xterm"},
        stdin=terminal,
        stdout=terminal,
    )
    os.close(terminal)
    screen = Screen(reader)
    try:
        screen.wait_for(b"alerts: 1;")
        publish(connection, [make_alert(1)])
        screen.wait_for(b"alerts: 2;")
        drawn = screen.drawn[screen.drawn.rindex(b"scored at") :]
        assert drawn.index(b"[red]t-1") < drawn.index(b"[red]t-0")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(reader)


class Screen:
    """The output of a program on a terminal so far."""

    def __init__(self, descriptor):
        self._descriptor = descriptor
        self.drawn = b""

    def wait_for(self, text):
        def is_drawn():
            while select.select([self._descriptor], [], [], 0)[0]:
                self.drawn += os.read(self._descriptor, 65_536)
            return text in self.drawn

        wait_for(is_drawn, 30, f"{text} on the screen")
