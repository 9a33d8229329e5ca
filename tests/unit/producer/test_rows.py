"""Reading the rows of a CSV as transactions."""

import json
import math
import re
import tempfile
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.data import creditcard_files as creditcard
from support.data.transactions import DECODER, ENCODER

from payments.contract import FLOAT32_OVERFLOW, INPUTS
from payments.errors import PaymentFileError
from payments.schema.reading import read_schema
from producer.rows import Selection, encode_transaction, read

CREDITCARD = read_schema("creditcard")
LARGEST = math.nextafter(FLOAT32_OVERFLOW, 0)


def transactions(path, run="r", **selection):
    return [
        json.loads(encode_transaction(row))
        for row in read(Selection(path, CREDITCARD, **selection), run)
    ]


@pytest.fixture
def ten(tmp_path):
    return creditcard.write(tmp_path / "ten.csv", [creditcard.row(i) for i in range(10)])


def test_a_transaction_has_every_field_of_its_row_and_no_others(ten):
    for i, found in enumerate(transactions(ten)):
        expected = {name: float(text) for name, text in creditcard.row(i).items() if name in INPUTS}
        assert found == {
            "transaction_id": f"r-{i}",
            "event_time": f"2013-09-01T00:00:{2 * i:02}Z",
            **expected,
        }


def test_the_contract_accepts_every_transaction(ten):
    for row in read(Selection(ten, CREDITCARD), "r"):
        record = DECODER.decode(encode_transaction(row), bytearray(ENCODER.row_bytes), 0)
        assert record.transaction_id == row.transaction_id


def test_the_class_is_kept_out_of_the_transaction(ten):
    assert [row.is_fraud for row in read(Selection(ten, CREDITCARD), "r")] == [False] * 9 + [True]
    assert all(
        not re.search(rb"class|label|fraud", encode_transaction(row), re.IGNORECASE)
        for row in read(Selection(ten, CREDITCARD), "r")
    )


@given(
    value=st.floats(-LARGEST, LARGEST),
    form=st.sampled_from(["{!r}", '"{!r}"', "{:.17g}", "{:+.17g}", "{:.17e}", "00{!r}", " {!r} "]),
)
def test_a_number_keeps_its_value_in_any_notation(value, form):
    text = form.format(abs(value) if form.startswith("00") else value)
    with tempfile.TemporaryDirectory() as folder:
        path = creditcard.write(Path(folder) / "one.csv", [creditcard.row(0, V7=text)])
        (found,) = transactions(path)
    assert float(found["V7"]) == float(text.strip('"'))


@pytest.mark.parametrize(
    "text", ["1.", ".5", "+3", "007", '"0"', "1e-05", "1E5", "-0.0", "12345678901234567890"]
)
def test_number_formats_that_json_lacks_become_json(tmp_path, text):
    path = creditcard.write(tmp_path / "one.csv", [creditcard.row(0, V7=text)])
    (found,) = transactions(path)
    assert type(found["V7"]) in (int, float)
    assert float(found["V7"]) == float(text.strip('"'))


@pytest.mark.parametrize("text", ["0", "1", '"0"', '"1"', "0.0", "1.0"])
def test_the_class_can_be_written_in_several_ways(tmp_path, text):
    path = creditcard.write(tmp_path / "one.csv", [creditcard.row(0, Class=text)])
    assert [row.is_fraud for row in read(Selection(path, CREDITCARD), "r")] == [
        float(text.strip('"')) == 1
    ]


def test_a_part_of_the_file_keeps_its_row_numbers(ten):
    part = Selection(ten, CREDITCARD, first=3, end=7)
    assert [row.transaction_id for row in read(part, "r")] == ["r-3", "r-4", "r-5", "r-6"]
    assert part.check().rows == 4
    assert [
        row.transaction_id for row in read(Selection(ten, CREDITCARD, first=8, limit=5), "r")
    ] == [
        "r-8",
        "r-9",
    ]
    assert Selection(ten, CREDITCARD, first=8, limit=5).check().rows == 2
    assert transactions(ten, first=10) == []


def test_a_part_beyond_the_end_is_refused_with_the_range_of_rows(ten):
    with pytest.raises(PaymentFileError, match="has rows 0 to 9; none from row 10 on"):
        Selection(ten, CREDITCARD, first=10).check()


def test_laps_are_numbered_and_time_continues(ten):
    laps = list(islice(read(Selection(ten, CREDITCARD, first=8, loop=True), "r"), 6))
    assert [row.transaction_id for row in laps] == [
        "r-8",
        "r-9",
        "r-8-1",
        "r-9-1",
        "r-8-2",
        "r-9-2",
    ]
    assert [row.time for row in laps] == [16, 18, 19, 21, 22, 24]
    assert json.loads(encode_transaction(laps[-1]))["event_time"] == "2013-09-01T00:00:24Z"


def test_the_limit_applies_to_all_laps_together(ten):
    endless = Selection(ten, CREDITCARD, loop=True)
    assert endless.check().rows is None
    limited = Selection(ten, CREDITCARD, limit=25, loop=True)
    assert limited.check().rows == len(list(read(limited, "r"))) == 25


def test_a_loop_over_no_rows_ends(ten):
    assert list(read(Selection(ten, CREDITCARD, first=10, loop=True), "r")) == []


def test_fractions_of_a_second_are_kept(tmp_path):
    path = creditcard.write(tmp_path / "one.csv", [creditcard.row(0, Time="86400.25")])
    (found,) = transactions(path)
    assert found["event_time"] == "2013-09-02T00:00:00.250000Z"


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ('"account-7"', "account-7"),
        ("account-7", "account-7"),
        ("1234", "1234"),
        ("007", "007"),
        ('"a, ""b"""', 'a, "b"'),
        ("", None),
        ('""', None),
        ("NaN", None),
        ("NA", None),
        ("null", None),
        ("None", None),
        ("<NA>", None),
        ("#N/A", None),
    ],
)
def test_the_account_of_a_row_is_in_its_transaction(tmp_path, text, account):
    rows = [creditcard.row(i, account_id=text) for i in range(2)]
    path = creditcard.write(tmp_path / "accounts.csv", rows, (*creditcard.COLUMNS, "account_id"))
    assert [row.key for row in read(Selection(path, CREDITCARD), "r")] == [account, account]
    plain = transactions(creditcard.write(tmp_path / "plain.csv", rows))
    assert transactions(path) == [
        row | ({"account_id": account} if account else {}) for row in plain
    ]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("inf", "is 'inf', which is infinite"),
        ("-Infinity", "is '-Infinity', which is infinite"),
        ("1e308", "is '1e308', which does not fit a float32"),
        ("-1e39", "is '-1e39', which does not fit a float32"),
        ("9" * 400, "is '9+', which does not fit a float32"),
        ("abc", "is 'abc', not a number"),
        ("1_000", "is '1_000', not a number"),
        ('"a,b"', "is 'a,b', not a number"),
        ('"1,234.50"', "is '1,234.50'; remove the thousands separators"),
        ("1'234.50", 'is "1\'234.50"; remove the thousands separators'),
    ],
)
def test_a_value_that_is_not_a_number_is_refused_with_its_row_and_column(tmp_path, text, cause):
    path = creditcard.write(tmp_path / "bad.csv", [creditcard.row(0), creditcard.row(1, V3=text)])
    with pytest.raises(PaymentFileError, match=rf"bad\.csv, row 1: V3 {cause}$"):
        transactions(path)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(PaymentFileError, match="No such file"):
        transactions(tmp_path / "none.csv")
