"""How alerts look: text from outside is shown, never obeyed."""

import io
import json
import re

import msgspec
import pytest
from rich.console import Console

from cli.commands.alerts import compact, format_reason, make_table, show_live
from cli.support.terminal import escape
from payments.records import AlertRecord


def alert(**changes):
    fields = {
        "transaction_id": "run-7",
        "event_time": "2013-09-01T00:00:07Z",
        "scored_at": "2026-01-31T13:00:07.25+01:00",
        "probability": 0.98765,
        "margin": 4.4,
        "decision": "block",
        "thresholds": {"review": 0.1, "block": 0.5},
        "amount": 1234.5,
        "expected_loss": 1219.25,
        "model_version": "v1",
        "base": -6.0,
        "reasons": [
            {"feature": f"V{i}", "value": -5.3125, "usual": [-1.5, 1.25], "contribution": 3.0 - i}
            for i in range(1, 6)
        ],
        "rest": 0.4,
        "transaction": {"transaction_id": "run-7"},
    }
    return msgspec.json.decode(json.dumps(fields | changes).encode(), type=AlertRecord)


def shown(*alerts, heading=True):
    console = Console(width=132, force_terminal=False)
    with console.capture() as capture:
        console.print(make_table(alerts, heading))
    return capture.get()


def test_a_row_has_the_alert_and_its_three_strongest_reasons():
    text = shown(alert())
    for part in (
        "2026-01-31 12:00:07",
        "run-7",
        "block",
        "0.9877",
        "1,234.50",
        "1,219.25",
        "component 1 -5.312 (-1.5..1.25) +2.00",
        "component 3",
        "+0.00",
    ):
        assert part in text
    assert "component 4" not in text
    assert [row.split()[-5:-3] for row in text.splitlines()[1:]] == [
        ["component", number] for number in "123"
    ]  # a line each


def test_successive_tables_line_up():
    first, second = (
        shown(alert(transaction_id="a")),
        shown(alert(transaction_id="b" * 20, amount=0, decision="review"), heading=False),
    )
    assert first.splitlines()[1].index("2.00") == second.splitlines()[0].index("2.00")
    assert "transaction" in first
    assert "transaction" not in second


@pytest.mark.parametrize("name", ["[red]x", "[/]", "[link=http://a]b[/link]", ":bomb:"])
def test_markup_in_an_id_is_printed_as_it_is(name):
    assert name.replace("\n", "") in shown(alert(transaction_id=name)).replace("\n", "")


def test_control_characters_reach_no_terminal():
    assert escape("a\x1b[2Jb\r\n\u202ec").plain == r"a\x1b[2Jb\r\n\u202ec"
    assert "\x1b" not in shown(alert(transaction_id="\x1b]0;title\x07"))


def test_a_reason_is_feature_value_typical_range_and_contribution():
    assert format_reason(alert().reasons[3]) == "component 4 -5.312 (-1.5..1.25) -1.00"


@pytest.mark.parametrize("value", [b'{"a": 1.0e+5, "t":{"x":"a\\nb"}}', b'{"a":"\xff"}'])
def test_a_message_of_one_line_is_left_alone(value):
    assert compact(value) is value


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_a_transaction_over_several_lines_becomes_one(newline):
    value = b'{"transaction":{"Amount":1.50,' + newline + b' "V1" : "a\\nb"}}'
    assert compact(value) == b'{"transaction":{"Amount":1.50,"V1":"a\\nb"}}'


def test_a_live_table_shows_the_newest_first_and_as_many_as_fit():
    console = Console(width=132, height=9, force_terminal=True, file=io.StringIO())  # room for two
    show_live(
        console,
        [
            [alert(transaction_id=name) for name in batch]
            for batch in (["first", "second"], ["third"])
        ],
    )
    drawn = console.file.getvalue()
    last = drawn[drawn.rindex("scored at") :]
    assert re.findall("first|second|third", last) == ["third", "second"]
    assert "alerts: 3;" in last
    assert "\x1b[?25h" in last  # the cursor is back
