"""The features and values of a schema are shown in words."""

import pytest
from support.data.shop import REASONS, SHOP
from support.data.transactions import CREDITCARD

from payments.display import ANONYMOUS, Display
from payments.schema.reading import parse_schema

DISPLAY = Display(SHOP)


@pytest.mark.parametrize(
    ("feature", "value", "shown"),
    [
        ("total", 1234.567, "1,234.567"),
        ("attempts", 3.0, "3"),
        ("attempts", None, "missing"),
        ("country", "NG", "NG"),
        ("country", None, "missing"),
        ("new_device", 1.0, "yes"),
        ("hour", 23.0, "23 h"),
        ("weekday", 5.0, "Saturday"),
        ("weekday", 7.5, "7.5"),
        ("weekend", 0.0, "no"),
        ("of another schema", 0.1234567, "0.1235"),
    ],
)
def test_a_value_is_shown_by_its_type(feature, value, shown):
    assert DISPLAY.format_value(feature, value) == shown


def test_what_is_usual_is_a_range_or_a_share():
    shown = {
        reason["feature"]: DISPLAY.format_usual(reason["feature"], reason["usual"])
        for reason in REASONS
    }
    assert shown == {
        "country": "2.1%",
        "total": "1.000..120.500",
        "new_device": "no",
        "hour": "7 h..22 h",
        "weekday": "Monday..Sunday",
        "attempts": "0..2",
        "weekend": "no..yes",
    }
    assert DISPLAY.format_usual("country", {}) == ""


def test_features_have_the_names_of_the_schema():
    assert DISPLAY.name("new_device") == DISPLAY.shorten_name("new_device") == "new device"
    assert DISPLAY.name("hour") == "hour of the day"
    assert DISPLAY.format_amount(2) == "2.000"


def test_features_without_a_known_meaning_are_said_to_have_none():
    assert Display(CREDITCARD).explain_anonymous() == ANONYMOUS
    assert DISPLAY.explain_anonymous() == ""
    text = """
name = "own"
roles = { id = "id", time = "at", key = "card", amount = "sum" }
[fields]
id = { type = "id" }
at = { type = "time" }
card = { type = "entity" }
sum = { type = "amount" }
"S1..S3" = { type = "number", name = "signal {}", anonymous = true }
[features]
numbers = ["S1..S3", "sum"]
"""
    own = Display(parse_schema(text, "own.toml", None))
    assert own.explain_anonymous() == "Anonymous, of unpublished meaning: S1..S3."
    assert own.name("S2") == "anonymous signal 2 (S2)"
