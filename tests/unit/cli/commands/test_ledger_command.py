"""What `fraud ledger` takes and says."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import typer
from rich.console import Console

from cli.commands.ledger import format_notes, make_table
from cli.support.parsers import parse_time
from streams.ledger.reconcile import Audit

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_duration_is_counted_back_from_now():
    assert parse_time("10m", NOW) == NOW - timedelta(minutes=10)


def test_a_time_is_taken_with_its_offset():
    assert parse_time("2026-01-31T12:30:00+05:30", NOW) == datetime(2026, 1, 31, 7, tzinfo=UTC)
    assert parse_time("2026-01-31T12:30:00+05:30", NOW).tzinfo == timezone(
        timedelta(hours=5, minutes=30)
    )
    assert parse_time("2026-01-31T11:00:00Z", NOW) == NOW - timedelta(hours=1)


@pytest.mark.parametrize("text", ["", "soon", "10 fortnights", "2026-01-31T12:00:00", "2026-01-31"])
def test_anything_else_is_refused(text):
    with pytest.raises(typer.BadParameter, match="neither a duration"):
        parse_time(text, NOW)


def test_a_complete_ledger_says_so_and_names_its_range():
    assert list(format_notes(Audit(sent=3, scored=3, ranges={0: (5, 9), 1: (0, 0)}))) == [
        "range (partition:from..to, offsets of `transactions`): 0:5..9 1:0..0",
        "complete: each record came out exactly once",
    ]


def test_a_range_without_a_record_proves_nothing():
    assert (
        list(format_notes(Audit(ranges={0: (5, 5)})))[-1]
        == "nothing to prove: no records in the range"
    )


def test_offending_records_and_pending_ones_are_named():
    said = "\n".join(
        format_notes(
            Audit(
                sent=2,
                lost=2,
                pending=1,
                first_lost=[(0, 5), (1, 7)],
                resent=1,
                first_resent=[(0, 6)],
            )
        )
    )
    assert "lost, first 10 at most: 0:5 1:7" in said
    assert "resent, first 10 at most: 0:6" in said
    assert "1 of the lost have not been read by the scorer yet" in said
    assert said.endswith("NOT complete")


def test_uncommitted_records_with_an_output_are_named():
    audit = Audit(sent=1, scored=1, phantom=3, first_phantom=[(0, 5), (1, 7)])
    assert list(format_notes(audit))[1:] == ["phantom, first 10 at most: 0:5 1:7", "NOT complete"]
    console = Console(width=200)
    with console.capture() as shown:
        console.print(make_table(audit))
    assert "phantom       3  outputs of records that were never committed" in shown.get()


def test_records_behind_an_open_transaction_are_named():
    said = list(format_notes(Audit(sent=1, scored=1, hidden=1_200)))
    assert said[1].startswith("1,200 offsets are behind a transaction that somebody left open")
    assert said[-1] == "NOT complete"
