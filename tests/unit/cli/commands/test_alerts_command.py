"""How alerts look: text from outside is shown, never obeyed."""

import io
import re
import sys

import msgspec
import pytest
from rich.console import Console
from support.data.alerts import make_alert
from support.data.shop import SHOP, make_shop_alert
from support.data.transactions import CREDITCARD
from support.terminal import print_in_terminal

from cli.commands.alerts import describe_alert, format_json, format_reason, lay_out, show_live
from cli.support.terminal import escape
from payments.display import Display
from payments.masking import Mask

DISPLAY = Display(CREDITCARD)
MASK = Mask(CREDITCARD)


def alert(**changes):
    fields = {
        "scored_at": "2026-01-31T13:00:07.25+01:00",
        "probability": 0.98765,
        "margin": 4.4,
        "decision": "block",
        "thresholds": {"review": 0.1, "block": 0.5},
        "amount": 1234.5,
        "expected_loss": 1219.25,
        "reasons": [
            {"feature": f"V{i}", "value": -5.3125, "usual": [-1.5, 1.25], "contribution": 3.0 - i}
            for i in range(1, 6)
        ],
        "rest": 0.4,
    }
    return make_alert("run-7", **(fields | changes))


def shown(*alerts, heading=True):
    console = Console(width=132, force_terminal=False)
    with console.capture() as capture:
        texts = [describe_alert(each, DISPLAY) for each in alerts]
        console.print(lay_out(texts, heading, console.width))
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


def test_a_card_number_in_an_id_is_masked():
    text = shown(alert(transaction_id="4111_1111_1111_1111"))
    assert "4111_11**_****_1111" in text
    assert "4111_1111" not in text


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
    assert format_reason(alert().reasons[3], DISPLAY) == "component 4 -5.312 (-1.5..1.25) -1.00"


def test_money_in_a_reason_is_money():
    reason = {"feature": "Amount", "value": 25691.16, "usual": [1, 1017.97], "contribution": 2}
    shown = format_reason(alert(reasons=[reason]).reasons[0], DISPLAY)
    assert shown == "amount 25,691.16 (1.00..1,017.97) +2.00"


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (0, "country NG (2.1% of legitimate payments) +3.00"),
        (1, "total 1,234.567 (1.000..120.500) +2.00"),
        (2, "new device yes (no) +1.00"),
        (3, "hour of the day 23 h (7 h..22 h) +0.00"),
        (4, "day of the week Saturday (Monday..Sunday) -1.00"),
        (5, "attempts missing (0..2) -2.00"),
    ],
)
def test_a_reason_of_an_own_schema_is_in_words(place, text):
    assert format_reason(make_shop_alert().reasons[place], Display(SHOP)) == text


def test_a_hidden_reason_has_no_share_to_compare_it_with():
    reason = {"feature": "country", "value": "hidden", "usual": {}, "contribution": 1.0}
    [item] = make_shop_alert(reasons=[reason]).reasons
    assert format_reason(item, Display(SHOP)) == "country hidden +1.00"


def test_amounts_have_the_decimals_of_the_schema():
    cells = describe_alert(make_shop_alert(), Display(SHOP)).cells
    assert (cells["amount"].plain, cells["exp. loss"].plain) == ("1,234.567", "617.283")


@pytest.mark.parametrize("value", [b'{"a": 1.0e+5, "t":{"x":"a\\nb"}}', b'{"a":"\xff"}'])
def test_a_message_of_one_line_is_left_alone(value):
    assert format_json(value, MASK) is value


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_a_transaction_over_several_lines_becomes_one(newline):
    value = b'{"transaction":{"Amount":1.50,' + newline + b' "V1" : "a\\nb"}}'
    assert format_json(value, MASK) == b'{"transaction":{"Amount":1.50,"V1":"a\\nb"}}'


def test_a_live_table_shows_the_newest_first_and_as_many_as_fit():
    console = Console(width=132, height=9, force_terminal=True, file=io.StringIO())  # room for two
    show_live(
        console,
        [
            [describe_alert(alert(transaction_id=name), DISPLAY) for name in batch]
            for batch in (["first", "second"], ["third"])
        ],
    )
    drawn = console.file.getvalue()
    last = drawn[drawn.rindex("scored at") :]
    assert re.findall("first|second|third", last) == ["third", "second"]
    assert "alerts: 3;" in last
    assert "\x1b[?25h" in last  # the cursor is back


IDS = ["demo-20260131T120000-227845", "0190163d-8694-739b-aea5-966c26f8ad91"]
AMOUNTS = ["1,234.50", "12,345,678.90"]
PRINT = """
import sys
import msgspec
from cli.commands.alerts import describe_alert, lay_out
from cli.support.terminal import make_console
from payments.display import Display
from payments.records import KeptAlertRecord
from payments.schema.reading import read_schema

console = make_console()
alerts = [msgspec.json.decode(text, type=KeptAlertRecord) for text in sys.argv[1:]]
display = Display(read_schema("creditcard"))
texts = [describe_alert(alert, display) for alert in alerts]
console.print(lay_out(texts, True, console.width))
"""


def printed_in_terminal(columns, count=2):
    alerts = [
        msgspec.json.encode(alert(transaction_id=name, amount=float(amount.replace(",", ""))))
        for name, amount in zip(IDS, AMOUNTS, strict=True)
    ]
    return print_in_terminal([sys.executable, "-c", PRINT, *alerts[:count]], columns)


@pytest.mark.parametrize("columns", [80, 100, 137])
def test_ids_and_numbers_are_whole_on_a_terminal(columns):
    lines = printed_in_terminal(columns)
    assert max(map(len, lines)) <= columns
    words = [line.split() for line in lines]
    assert [word for line in words for word in line if word in IDS] == IDS
    rows = [line[line.index("block") :] for line in words if "block" in line]
    assert [row[:4] for row in rows] == [
        ["block", "0.9877", amount, "1,219.25"] for amount in AMOUNTS
    ]
    assert sum("component 1 -5.312 (-1.5..1.25) +2.00" in line for line in lines) == 2


@pytest.mark.parametrize(("columns", "beside"), [(100, False), (137, True)])
def test_reasons_follow_below_where_there_is_no_room_beside(columns, beside):
    row = next(line for line in printed_in_terminal(columns, count=1) if "block" in line)
    assert ("component 1" in row) == beside


@pytest.mark.parametrize("columns", [40, 50, 59])
def test_ids_and_numbers_are_whole_on_a_very_narrow_terminal(columns):
    lines = printed_in_terminal(columns)
    assert max(map(len, lines)) <= columns
    assert [line.strip() for line in lines if line.strip() in IDS] == IDS
    for amount in AMOUNTS:
        assert f"  amount {amount}" in lines
    assert lines.count("  exp. loss 1,219.25") == 2
    assert lines.count("2026-01-31 12:00:07  block  0.9877") == 2
    assert lines.count("  component 1 -5.312 (-1.5..1.25) +2.00") == 2


def test_reasons_are_cut_on_a_narrow_terminal():
    reasons = [line for line in printed_in_terminal(36) if "component" in line]
    assert [line[-1] for line in reasons] == ["…"] * 6
