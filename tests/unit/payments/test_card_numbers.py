"""Card numbers are masked in what people see, and nothing else is."""

import json

import pytest
from support.data.transactions import CREDITCARD

from payments.card_numbers import mask_text
from payments.masking import Mask

mask_json = Mask(CREDITCARD).mask_transaction


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("4111111111111111", "411111******1111"),
        ("pan=4111111111111111;", "pan=411111******1111;"),
        ("4111 1111 1111 1111", "4111 11** **** 1111"),
        ("5500-0000-0000-0004", "5500-00**-****-0004"),
        ("3782 822463 10005", "3782 82**** *0005"),
        ("4111.1111.1111.1111", "4111.11**.****.1111"),
        ("a_4111_1111_1111_1111_b", "a_4111_11**_****_1111_b"),
        ("3782.822463.10005 3056_930902_5904", "3782.82****.*0005 3056_93****_5904"),
        ("No.4111 1111 1111 1111.", "No.4111 11** **** 1111."),
        ("6759649826438453 2223003122003222", "675964******8453 222300******3222"),
        ("4222222222222", "422222***2222"),
    ],
)
def test_a_card_number_keeps_six_digits_and_four(text, masked):
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # the check digit is wrong
        "0.4111111111111111",
        ".4111111111111111",
        "4111111111111111.50",
        "1.4111.1111.1111.1111",
        "4111.1111_1111.1111",
        "4111.11111111.1111",
        "14111111111111111",
        "41111111111111110000",
        "1749988805004",  # milliseconds since 1970
        "411111111111",
        "",
    ],
)
def test_other_digits_are_kept(text):
    assert mask_text(text) == text


def test_own_fields_are_masked_at_any_depth():
    value = {"pan": "4111111111111111", "more": [{"number": 4111111111111111}], "n": True}
    assert json.loads(mask_json(json.dumps(value).encode())) == {
        "pan": "411111******1111",
        "more": [{"number": "411111******1111"}],
        "n": True,
    }
    assert b"4111111111111111" not in mask_json(b'{"4111111111111111":1}')
    assert mask_json(b'{"pan":"4\\u003111111111111111"}') == b'{"pan":"411111******1111"}'


def test_ids_stay_because_labels_name_them():
    value = b'{"account_id":"4111111111111111","transaction_id":"4111111111111111"}'
    assert mask_json(value) is value


@pytest.mark.parametrize(
    "value", [b'{"V1": 1.50, "x":"\\u00e9"}', b"no JSON 4111111111111111", b"[" * 5000]
)
def test_what_holds_no_card_number_stays_byte_for_byte(value):
    assert mask_json(value) is value
