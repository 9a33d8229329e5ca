"""Explanations: bars that add up to the margin, drawn with escaped texts."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from rich.console import Console
from support.data.alerts import make_alert, make_reasons
from support.data.shop import (
    DECODER,
    REASONS,
    SHOP,
    USUAL,
    VALUES,
    encode_payment,
    make_shop_alert,
)
from support.data.transactions import CREDITCARD, make_transaction, make_transaction_bytes
from support.fakes import FakeModel

from cli.support.waterfall import draw_waterfall
from model.explanation import BASE, MARGIN, REST, build_waterfall, explain
from payments.contract import COMPONENTS, INPUTS
from payments.decoder import InvalidTransactionError
from payments.display import Display

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DISPLAY = Display(CREDITCARD)


def alert(**changes):
    fields = {
        "probability": 0.62,
        "margin": 0.5,
        "amount": 12.5,
        "expected_loss": 7.75,
        "model_version": "v-of-then",
        "reasons": make_reasons(3.0, 1.5, 0.5, 0.25, -0.75),
        "rest": 2.0,
    }
    return make_alert("t-1", **(fields | changes))


def shown(record, width=132, display=DISPLAY):
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(draw_waterfall(record, display, width))
    return capture.get()


def test_each_bar_begins_at_the_end_of_the_last_and_they_reach_the_margin():
    steps = build_waterfall(alert(), limit=10)
    assert [step.name for step in steps] == [BASE, "V1", "V2", "V3", "V4", "V5", REST, MARGIN]
    assert [step.end for step in steps] == [-6.0, -3.0, -1.5, -1.0, -0.75, -1.5, 0.5, 0.5]
    assert all(after.begin == before.end for before, after in pairwise(steps[:-1]))
    assert steps[-1].begin == 0


def test_hidden_features_are_summed_in_the_rest():
    steps = build_waterfall(alert(), limit=3)
    assert [step.name for step in steps] == [
        BASE,
        "V1",
        "V2",
        "V5",
        REST,
        MARGIN,
    ]  # the largest in either direction
    rest = steps[-2]
    assert rest.end - rest.begin == pytest.approx(2.75)
    assert rest.end == 0.5


def test_any_decision_is_explained_with_all_features(model):
    found = explain(model, make_transaction_bytes(5), NOW)
    assert sorted(reason.feature for reason in found.reasons) == sorted(INPUTS)
    assert found.base + sum(
        reason.contribution for reason in found.reasons
    ) + found.rest == pytest.approx(found.margin, abs=1e-4)
    values = {reason.feature: reason.value for reason in found.reasons}
    assert values == {name: make_transaction(5)[name] for name in INPUTS}
    assert (found.model_version, found.scored_at, found.transaction_id) == (
        model.version,
        NOW,
        "t-5",
    )
    contributions = [reason.contribution for reason in found.reasons]
    assert contributions == sorted(contributions, reverse=True)


@pytest.mark.parametrize(
    "change",
    [{"V3": None}, {"V3": float("nan")}, {"V3": float("inf")}, {"Amount": -1}, {"V3": "1"}],
)
def test_an_invalid_transaction_is_not_explained(model, change):
    with pytest.raises(InvalidTransactionError):
        explain(model, make_transaction_bytes(5, **change), NOW)


def test_the_drawing_shows_the_alert_unchanged():
    text = shown(alert())
    for part in (
        "anonymous component 1 (V1)",
        "-1..1",
        "+3.00",
        "v-of-then",
        "probability 0.62: review",
        "block from 0.9",
        "are anonymous",
    ):
        assert part in text
    lines = [line for line in text.splitlines() if "component" in line and "█" in line]
    assert len(lines) == 5


def test_an_alert_of_an_own_schema_is_drawn_in_words():
    text = shown(make_shop_alert(), display=Display(SHOP))
    words = " ".join(text.split())
    for part in (
        "country NG 2.1% +3.00",
        "total 1,234.567 1.000..120.500",
        "new device yes no",
        "Saturday Monday..Sunday",
        "attempts missing 0..2",
        "amount 1,234.567, scored",
        "of a category, the share",
    ):
        assert part in words
    assert "anonymous" not in text


def test_a_long_category_leaves_room_for_the_names():
    reasons = [*REASONS, REASONS[0] | {"value": "x" * 128}]
    lines = shown(make_shop_alert(reasons=reasons), 80, Display(SHOP)).splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[1] for line in lines if line.startswith("country")] == [
        "NG",
        "xxxxxxxxxxxxx…",
    ]


def test_a_payment_of_an_own_schema_is_explained():
    found = explain(FakeModel(typical_ranges=USUAL, decoder=DECODER), encode_payment(), NOW)
    assert {reason.feature: reason.value for reason in found.reasons} == VALUES
    assert found.amount == 1234.567


def test_it_fits_a_narrow_terminal():
    assert max(len(line) for line in shown(alert(), 80).splitlines()) <= 80
    assert "+3.00" in shown(alert(), 80)


def test_thresholds_out_of_the_picture_are_named_without_a_mark():
    lines = shown(alert(thresholds={"review": 1e-300, "block": 1.0})).splitlines()
    marks = {
        line.split(" from")[0]: "█" in line or "▌" in line
        for line in lines
        if line.startswith(("review", "block"))
    }
    assert marks == {"review": False, "block": False}


@pytest.mark.parametrize("field", ["transaction_id", "model_version"])
def test_texts_are_escaped(field):
    text = shown(alert(**{field: "[red]x\x1b[2J"}))
    assert "\x1b[2J" not in text
    assert r"[red]x\x1b[2J" in text


def test_feature_names_are_escaped():
    reasons = [{"feature": "\x1b]0;x\x07", "value": 1.0, "usual": [0, 1], "contribution": 1.0}]
    assert r"\x1b]0;x\x07" in shown(alert(reasons=reasons))


@pytest.mark.parametrize(
    ("feature", "value", "shown"),
    [
        ("Amount", 25691.16, "25,691.16"),
        ("Amount", 1234567.891, "1,234,567.89"),
        ("Time", 172792.0, "172,792"),
        ("V14", -5.3125, "-5.312"),
        ("V14", 1e-7, "1e-07"),
    ],
)
def test_money_is_shown_as_money(feature, value, shown):
    assert DISPLAY.format_value(feature, value) == shown


def test_names_for_people():
    assert DISPLAY.name("V14") == "anonymous component 14 (V14)"
    assert DISPLAY.shorten_name("V14") == "component 14"
    assert DISPLAY.name("Amount") == DISPLAY.shorten_name("Amount") == "amount"
    assert DISPLAY.name("hour") == "hour"
    assert len({DISPLAY.name(feature) for feature in INPUTS}) == 29
    assert all("anonymous" in DISPLAY.name(component) for component in COMPONENTS)
