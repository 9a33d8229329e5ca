"""Files with a team's own columns, read as its schema declares them."""

import pyarrow as pa
import pyarrow.parquet
import pytest
from support.data import own_payments

from payments.errors import PaymentFileError
from payments.files.reader import open_file
from payments.schema.reading import parse_schema

PAYMENTS = own_payments.make(300)
FLAT = own_payments.flatten(PAYMENTS)


def schema(text=own_payments.SCHEMA):
    return parse_schema(text, "own.toml", None)


def read(path, declared=None):
    file = open_file(path, declared or schema())
    batches = list(file.read_batches())
    for batch in batches:
        batch.check()
    return file, batches[0]


@pytest.fixture
def write(tmp_path):
    def write(separator=",", **cells):
        changed = {name: cells.get(name.rpartition(".")[2], old) for name, old in FLAT.items()}
        return own_payments.write_csv(tmp_path / "own.csv", changed, separator)

    return write


def test_a_csv_is_read_by_its_own_names(write):
    file, batch = read(write())
    assert file.notes == []
    assert batch.read_numbers("amount").tolist() == [float(one) for one in PAYMENTS["amount"]]
    assert batch.read_numbers("new_device")[:9].tolist() == [
        float(one == "yes") for one in PAYMENTS["new_device"][:9]
    ]
    assert batch.columns["payer.country"].texts.to_pylist() == [
        one or None for one in PAYMENTS["country"]
    ]
    assert batch.columns["payer.country"].find_missing() == [
        row for row, one in enumerate(PAYMENTS["country"]) if not one
    ]


def test_amounts_of_minor_units_are_read_as_major_ones(write):
    text = own_payments.SCHEMA.replace('"amount" }', '"amount", unit = "minor", decimals = 3 }')
    _, batch = read(write(amount=["1250"] * 300), schema(text))
    assert batch.read_numbers("amount")[0] == 1.25


def test_european_numbers_are_read(write):
    amounts = [one.replace(".", ",") for one in PAYMENTS["amount"]]
    file, batch = read(write(";", amount=amounts))
    assert file.notes == ["separator ';'", "decimal comma"]
    assert batch.read_numbers("amount").tolist() == [float(one) for one in PAYMENTS["amount"]]


TIMES = {
    "2026-01-31T12:00:00.123456Z": 1769860800123,
    "2026-01-31T12:00:00.9999+01:00": 1769857200999,
    "2026-01-31t12:00:00z": 1769860800000,
    "2026-01-31 12:00:00+00:00": 1769860800000,
    "1969-12-31T23:59:59.9995Z": -1,
    "2016-12-31T23:59:60Z": 1483228799999,
}


@pytest.mark.parametrize("text", TIMES)
def test_times_are_cut_to_milliseconds(write, text):
    file, batch = read(write(time=[text] * 300))
    assert batch.read_milliseconds("time")[0] == TIMES[text]
    assert file.notes == []


def test_times_without_an_offset_are_read_as_utc_and_said_so(write):
    file, batch = read(write(time=["2026-01-31 12:00:00.5", "2026-01-31T12:00:00"] * 150))
    assert batch.read_milliseconds("time")[:2].tolist() == [1769860800500, 1769860800000]
    assert file.notes == ["times without an offset, read as UTC"]


GOOD = "2026-01-31T12:00:00Z"
BAD = {
    "31/01/2026 12:00": "'31/01/2026 12:00', in which the day and the month can be mistaken",
    "01.02.2026": "'01.02.2026', in which the day and the month can be mistaken for each other",
    "2026-01-31": "'2026-01-31', a date without a time of day; write times as 2026-01-31T12",
    "2026-02-30T12:00:00Z": "'2026-02-30T12:00:00Z', not RFC 3339 with an offset",
    "2026-01-31T12:00:00": "'2026-01-31T12:00:00', which has no offset; the first row has one",
    "yesterday": "'yesterday', not RFC 3339 with an offset",
}


@pytest.mark.parametrize("text", BAD)
def test_a_cell_that_is_no_time_is_refused_with_its_row(write, text):
    with pytest.raises(PaymentFileError, match=f"row 1: time is {BAD[text]}"):
        read(write(time=[GOOD, text, *[GOOD] * 298]))


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1_000), ("us", 1_000_000)])
def test_a_declared_unit_is_kept(write, unit, factor):
    declared = schema(
        own_payments.SCHEMA.replace('file = "time"', f'file = "time", unit = "{unit}"')
    )
    file, batch = read(write(time=[str(1_769_860_800 * factor)] * 300), declared)
    assert batch.read_milliseconds("time")[0] == 1769860800000
    assert file.notes == []
    wrong = write(time=[str(1_769_860_800 * factor * 1_000)] * 300)
    with pytest.raises(PaymentFileError, match=r"which looks like Unix .*; the schema has Unix"):
        read(wrong, declared)


CELLS = {
    "new_device": ("maybe", "row 3: new_device is 'maybe', not a number"),
    "is_fraud": ("2", "row 3: is_fraud is '2', not 0 or 1"),
    "amount": ("-1.5", "row 3: amount is '-1.5', which is negative"),
    "attempts": ("many", "row 3: attempts is 'many', not a number"),
    "card": ("x" * 129, "row 3: payer.card has 129 characters, 128 are allowed"),
}


@pytest.mark.parametrize("name", CELLS)
def test_an_invalid_cell_is_refused_with_its_row_and_column(write, name):
    cell, cause = CELLS[name]
    cells = PAYMENTS[name].copy()
    cells[3] = cell
    with pytest.raises(PaymentFileError, match=cause):
        read(write(**{name: cells}))


def test_only_what_is_not_optional_is_needed(tmp_path):
    few = {name: FLAT[name] for name in ("time", "payer.card", "amount")}
    path = own_payments.write_csv(tmp_path / "few.csv", few)
    with pytest.raises(PaymentFileError, match="lacks the columns channel; the header has time, p"):
        open_file(path, schema())
    with pytest.raises(PaymentFileError, match="lacks the columns channel, is_fraud; "):
        open_file(path, schema(), ["is_fraud"])


def test_json_lines_say_what_is_wrong_with_a_row(tmp_path):
    path = own_payments.write_json_lines(tmp_path / "own.jsonl", PAYMENTS)
    lines = path.read_text().splitlines()
    for line, cause in {
        "{": "row 5 is not JSON",
        "[1]": "row 5 is not a JSON object; write one object a line",
        lines[5].replace('"channel": "', '"channel": ["').replace('"}', '"}'): "row 5 is not JSON",
        lines[5].replace('"attempts"', '"channel": {"a": 1}, "attempts"'): (
            "row 5: channel is neither text nor a number"
        ),
    }.items():
        path.write_text("\n".join([*lines[:5], line, *lines[6:]]))
        with pytest.raises(PaymentFileError, match=cause):
            read(path)


def test_an_optional_field_of_json_lines_may_appear_late(tmp_path):
    payments = own_payments.make(2_000)
    payments["merchant"] = [""] * 1_999 + ["m1"]
    path = own_payments.write_json_lines(tmp_path / "own.jsonl", payments)
    file, batch = read(path)
    assert file.notes == ["JSON lines"]
    assert batch.columns["merchant"].texts.to_pylist()[-1] == "m1"


def test_whole_numbers_with_gaps_in_parquet_are_text_without_a_point(tmp_path):
    path = own_payments.write_parquet(tmp_path / "own.parquet", PAYMENTS)
    table = pyarrow.parquet.read_table(path)
    merchants = pa.array([4_500_000_000_000_001.0, None] * 150)
    changed = table.set_column(table.schema.get_field_index("merchant"), "merchant", merchants)
    pyarrow.parquet.write_table(changed, path)
    _, batch = read(path)
    assert batch.columns["merchant"].texts.to_pylist()[:2] == ["4500000000000001", None]
    dates = table["time"].cast(pa.date32())
    changed = table.set_column(table.schema.get_field_index("time"), "time", dates)
    pyarrow.parquet.write_table(changed, path)
    with pytest.raises(PaymentFileError, match=r"column time has type date32.*; times are needed"):
        read(path)
