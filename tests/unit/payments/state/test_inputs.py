"""What the state reads of a payment, from its fields."""

from pathlib import Path

import numpy as np

from payments.decoder import TransactionDecoder
from payments.features import FeatureEncoder
from payments.schema.reading import parse_schema, read_schema
from payments.state.engine import Engine
from payments.state.inputs import HistoryInputs

CARDS = read_schema("cards")
VALUES = {
    "account_id": ["a1", "a2", None],
    "merchant_id": ["m1", "m1", "m1"],
    "terminal_id": ["", None, "t"],
}
TIMES = np.array([1, 2, 3], np.int64)


def test_amounts_become_the_nearest_minor_units_and_missing_values_are_zero():
    columns = HistoryInputs(CARDS).make_columns(TIMES, np.array([19.99, 0.285, 3.4e38]), VALUES)
    assert columns.amounts.tolist() == [1999, 28, 2**46]
    assert columns.hashes["merchant_id"].tolist() == [columns.hashes["merchant_id"][0]] * 3
    assert columns.hashes["account_id"][2] == 0
    assert columns.hashes["terminal_id"].tolist()[:2] == [0, 0]
    assert Engine(CARDS).apply(columns).shape == (3, 29)


def test_the_engine_needs_these_fields():
    assert Engine(CARDS).fields == HistoryInputs(CARDS).fields == tuple(sorted(VALUES))
    assert HistoryInputs(read_schema("creditcard")).fields == ()


def test_a_key_hides_the_values_of_secret_fields_only():
    text = (Path("payments/schema/builtin/cards.toml")).read_text()
    text = text.replace('name = "account" }', 'name = "account", secret = true }')
    schema = parse_schema(text, "x", Path())
    open_, first, second = (
        HistoryInputs(schema, key).make_columns(TIMES, np.ones(3), VALUES).hashes
        for key in (None, b"one", b"two")
    )
    assert len({hashes["account_id"][0] for hashes in (open_, first, second)}) == 3
    assert (first["merchant_id"] == open_["merchant_id"]).all()


def test_a_decoder_gives_the_fields_of_history_and_leaves_its_features_missing():
    categories = dict.fromkeys(CARDS.declaration.features.categories, ())
    decoder = TransactionDecoder(FeatureEncoder(CARDS, categories))
    value = (
        b'{"transaction_id":"t1","event_time":"2026-01-01T10:00:00Z","account_id":"a1",'
        b'"merchant_id":"m1","amount":12.5,"currency":"EUR","country":"BE","channel":"chip",'
        b'"mcc":"5411"}'
    )
    sent, row = decoder.decode_one(value)
    assert sent.compared == ("a1", "m1", None)
    assert np.isnan(row[0, -29:]).all()
    assert not np.isnan(row[0, :-29]).any()
