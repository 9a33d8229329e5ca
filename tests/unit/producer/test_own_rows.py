"""Rows of a team's own files become transactions of its schema."""

import json
from itertools import islice

import numpy as np
import pytest
from support.data import own_payments

from payments.decoder import TransactionDecoder
from payments.errors import PaymentFileError
from payments.features import FeatureEncoder
from payments.schema.reading import parse_schema
from producer.disturbed import disturb, make_vocabulary, measure_inputs
from producer.errors import SimulationError
from producer.rows import Selection, encode_transaction, read
from producer.simulation.disturbance import parse

COUNT = 400
PAYMENTS = own_payments.make(COUNT)
FLAT = own_payments.flatten(PAYMENTS)


def schema(text=own_payments.SCHEMA):
    return parse_schema(text, "own.toml", None)


def sent(path, declared=None, **selection):
    rows = read(Selection(path, declared or schema(), **selection), "r")
    return [json.loads(encode_transaction(row)) for row in islice(rows, 3 * COUNT)]


def expected(row):
    cells = {name: column[row] for name, column in PAYMENTS.items()}
    payer = {"card": cells["card"]} | ({"country": cells["country"]} if cells["country"] else {})
    merchant = {"merchant": cells["merchant"]} if cells["merchant"] else {}
    return merchant | {
        "payment_id": cells["id"],
        "paid_at": cells["time"].replace("+00:00", "Z"),
        "payer": payer,
        "amount": float(cells["amount"]),
        "channel": cells["channel"],
        "attempts": float(cells["attempts"]),
        "new_device": cells["new_device"] == "yes",
    }


@pytest.fixture
def csv(tmp_path):
    return own_payments.write_csv(tmp_path / "own.csv", FLAT)


def test_each_format_gives_the_same_transactions_with_nested_fields(tmp_path, csv):
    wanted = [expected(row) for row in range(COUNT)]
    assert sent(csv) == wanted
    assert sent(own_payments.write_json_lines(tmp_path / "own.jsonl", PAYMENTS)) == wanted
    assert sent(own_payments.write_parquet(tmp_path / "own.parquet", PAYMENTS)) == wanted


def test_the_scorer_accepts_every_row_and_reads_the_same_values(csv):
    encoder = FeatureEncoder(schema(), {"country": ("BE", "FR"), "channel": ("web", "shop")})
    decode = TransactionDecoder(encoder).decode
    for number, row in enumerate(read(Selection(csv, schema()), "r")):
        decoded = decode(encode_transaction(row), bytearray(encoder.row_bytes), 0)
        assert decoded.transaction_id == row.transaction_id == PAYMENTS["id"][number]
        assert decoded.key == row.key
        assert decoded.event_time.isoformat() == PAYMENTS["time"][number]
        wanted = expected(number)
        names = ("amount", "attempts", "new_device")
        values = [*(wanted[name] for name in names), wanted["payer"].get("country")]
        assert decoded.values == (*values, wanted["channel"])


def test_the_key_and_the_label_are_those_of_the_roles(csv):
    rows = list(read(Selection(csv, schema()), "r"))
    assert [row.key for row in rows] == PAYMENTS["card"]
    assert [row.is_fraud for row in rows] == [cell == "1" for cell in PAYMENTS["is_fraud"]]
    assert b"is_fraud" not in encode_transaction(rows[0])


def test_each_lap_has_ids_and_times_of_its_own(csv):
    laps = sent(csv, first=COUNT - 2, loop=True)
    first = PAYMENTS["id"][-1]
    assert [one["payment_id"] for one in laps[1:6:2]] == [first, f"{first}-1", f"{first}-2"]
    times = [one["paid_at"] for one in laps[:20]]
    assert times == sorted(set(times))


def test_without_ids_rows_are_named_after_the_run(tmp_path):
    without = {name: cells for name, cells in FLAT.items() if name != "id"}
    path = own_payments.write_csv(tmp_path / "own.csv", without)
    assert [one["payment_id"] for one in sent(path)[:2]] == ["r-0", "r-1"]


def test_an_id_without_a_value_is_refused(tmp_path):
    path = own_payments.write_csv(tmp_path / "own.csv", FLAT | {"id": ["", *FLAT["id"][1:]]})
    with pytest.raises(PaymentFileError, match="row 0: id is missing"):
        sent(path)


def test_text_is_escaped(tmp_path):
    cards = ['"a\\ ""b\u0007é"' for _ in range(COUNT)]
    path = own_payments.write_csv(tmp_path / "own.csv", FLAT | {"payer.card": cards})
    assert sent(path)[0]["payer"]["card"] == 'a\\ "b\u0007é'


@pytest.mark.parametrize(
    ("unit", "cell", "value"),
    [
        ("s", "1767571200", 1767571200),
        ("s", "1767571200.25", 1767571200.25),
        ("ms", "1767571200123", 1767571200123),
        ("us", "1767571200123456", 1767571200123456),
    ],
)
def test_times_keep_the_unit_of_the_stream(tmp_path, unit, cell, value):
    text = own_payments.SCHEMA.replace('file = "time"', f'file = "time", unit = "{unit}"')
    path = own_payments.write_csv(tmp_path / "own.csv", FLAT | {"time": [cell] * COUNT})
    assert sent(path, schema(text))[0]["paid_at"] == value


def test_an_amount_in_minor_units_is_an_integer(tmp_path):
    text = own_payments.SCHEMA.replace('type = "amount"', 'type = "amount", unit = "minor"')
    path = own_payments.write_csv(tmp_path / "own.csv", FLAT | {"amount": ["1250", "3.0"] * 200})
    assert [one["amount"] for one in sent(path, schema(text))[:2]] == [1250, 3]
    assert b'"amount":3,' in encode_transaction(list(read(Selection(path, schema(text)), "r"))[1])
    path = own_payments.write_csv(tmp_path / "bad.csv", FLAT | {"amount": ["12.5"] * COUNT})
    with pytest.raises(
        PaymentFileError, match=r"row 0: amount is '12.5', which is no whole number"
    ):
        sent(path, schema(text))


def test_a_row_without_a_needed_value_is_counted(tmp_path):
    cells = FLAT | {"channel": ["", *FLAT["channel"][1:]], "attempts": [""] * COUNT}
    path = own_payments.write_csv(tmp_path / "own.csv", cells)
    assert Selection(path, schema()).check() == (COUNT, 1)
    assert "channel" not in sent(path)[0] and "attempts" not in sent(path)[0]


def disturbed(path, text, declared=None, start=100):
    selection = Selection(path, declared or schema())
    parsed = parse(text, make_vocabulary(selection.schema))
    rows = disturb(read(selection, "r"), [parsed], measure_inputs(selection))
    after = [json.loads(encode_transaction(row)) for row in rows]
    before = sent(path, declared)
    assert after[:start] == before[:start]
    return before[start:], after[start:]


def test_a_number_of_ones_own_is_shifted_by_its_deviation(csv):
    before, after = disturbed(csv, "shift:amount@100:2")
    amounts = [float(cell) for cell in PAYMENTS["amount"]]
    frauds = [cell == "1" for cell in PAYMENTS["is_fraud"]]
    legitimate = [one for one, fraud in zip(amounts, frauds, strict=True) if not fraud]
    for old, new in zip(before, after, strict=True):
        assert new == old | {"amount": new["amount"]}
        assert new["amount"] - old["amount"] == pytest.approx(2 * np.std(legitimate), abs=0.011)


def test_a_disturbance_of_nested_minor_units_stays_whole_and_a_missing_one_is_absent(tmp_path):
    text = own_payments.SCHEMA.replace(
        'amount = { type = "amount" }', 'amount = { type = "amount", unit = "minor", path = "a.b" }'
    )
    cents = {"a.b" if name == "amount" else name: cells for name, cells in FLAT.items()}
    cents["a.b"] = [cell.replace(".", "") for cell in FLAT["amount"]]
    path = own_payments.write_csv(tmp_path / "own.csv", cents)
    before, after = disturbed(path, "scale:amount@100:3", schema(text))
    assert all(type(one["a"]["b"]) is int and one["a"]["b"] >= 0 for one in after)
    assert before != after
    _, after = disturbed(path, "missing:attempts@100", schema(text))
    assert all("attempts" not in one for one in after)


def test_only_numbers_of_the_schema_can_be_disturbed(csv):
    with pytest.raises(SimulationError, match="shift needs one of amount, attempts, as in shift:a"):
        disturbed(csv, "shift:country@100:2")
    with pytest.raises(SimulationError, match="surge is not a kind of disturbance"):
        disturbed(csv, "surge@1h:2")
