"""Secret fields and card numbers of a schema's payments are not shown to people."""

import json

import pytest
from support.data.shop import (
    IP,
    SCHEMA,
    SHOP,
    encode_payment,
    encode_shop_alert,
    make_payment,
    make_shop_alert,
)

from cli.support.dead_letter_view import format_lines
from payments.masking import HIDDEN, Mask
from payments.schema.reading import parse_schema
from streams.dlq.dead_letters import DeadLetter

MASK = Mask(SHOP)
CARD = "4111111111111111"
MASKED = "411111******1111"


def hide(field):
    """Return the mask of the schema with another secret field."""
    declared = next(line for line in SCHEMA.splitlines() if line.startswith(f"{field} = "))
    secret = SCHEMA.replace(declared, declared.replace(" }", ", secret = true }"))
    return Mask(parse_schema(secret, "shop.toml", None))


def test_a_secret_field_is_hidden_and_the_others_are_kept():
    masked = json.loads(MASK.mask_transaction(encode_payment()))
    assert masked == make_payment(payer={"ip": HIDDEN})
    alert = json.loads(MASK.mask_alert_json(encode_shop_alert()))
    assert alert["transaction"] == masked
    assert alert == json.loads(encode_shop_alert(json.dumps(masked).encode()))


def test_an_id_and_the_key_and_the_numbers_of_the_model_keep_what_looks_like_a_card_number():
    kept = {"payment_id": CARD, "attempts": int(CARD), "total": 4111111111111}
    payment = make_payment(**kept, note=CARD, pan=int(CARD), payer={"card": CARD, "country": CARD})
    expected = make_payment(
        **kept,
        note=MASKED,
        pan=MASKED,
        payer={"card": CARD, "country": MASKED, "ip": HIDDEN},
    )
    assert json.loads(MASK.mask_transaction(json.dumps(payment).encode())) == expected


def test_a_card_number_in_a_category_is_masked_among_the_reasons():
    reason = {"feature": "country", "value": CARD, "usual": {"share": 0.1}, "contribution": 1.0}
    [shown] = MASK.mask_alert(make_shop_alert(reasons=[reason])).reasons
    assert shown.value == MASKED
    assert CARD.encode() not in MASK.mask_alert_json(encode_shop_alert(reasons=[reason]))


def test_the_value_of_a_secret_feature_is_hidden_with_what_tells_it():
    mask = hide("country")
    reasons = {reason.feature: reason for reason in mask.mask_alert(make_shop_alert()).reasons}
    assert (reasons["country"].value, reasons["country"].usual) == (HIDDEN, {})
    assert reasons["hour"].value == 23.0
    [shown, *_] = json.loads(mask.mask_alert_json(encode_shop_alert()))["reasons"]
    assert (shown["value"], shown["usual"]) == (HIDDEN, {})
    [total] = [
        reason
        for reason in hide("total").mask_alert(make_shop_alert()).reasons
        if reason.feature == "total"
    ]
    assert (total.value, total.usual) == (HIDDEN, (1.0, 120.5))


@pytest.mark.parametrize(
    "value",
    [
        encode_payment(),
        b'{"payload":' + encode_payment() + b"}",
        json.dumps(make_payment(payer={"ip": {"v4": IP}})).encode(),
        b'{"payer":{"ip":"' + IP.encode() + b'"},"payer":null}',
        b"[" + encode_payment() + b"]",
        b"{'payer': {'ip': '" + IP.encode() + b"'}}",
        encode_payment()[:-1],
    ],
)
def test_no_dead_letter_shows_a_secret(value):
    letter = DeadLetter((3, 7), "malformed_json", "detail", "2026", len(value), b"card-7", value)
    lines = [line.plain for line in format_lines(letter, MASK, None)]
    assert not [line for line in lines if IP in line]
    assert any("hidden" in line or "null" in line for line in lines)
    assert "key       card-7" in lines
    assert "key       hidden" in [line.plain for line in format_lines(letter, hide("card"), None)]


def test_without_a_secret_a_dead_letter_shows_its_bytes():
    mask = Mask(parse_schema(SCHEMA.replace(", secret = true", ""), "shop.toml", None))
    assert mask.hide_secrets(b"{'a': 1}") == b"{'a': 1}"
